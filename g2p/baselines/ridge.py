"""Ridge regression on all loci, which is GBLUP, with its penalty by restricted likelihood."""

import numpy as np

from g2p.baselines.large_ridge import count_probes, fit_large_ridge
from g2p.baselines.reml import maximise_likelihood

# Ridge decomposes a matrix of the smaller of strains and loci, for each pattern of missing strains:
# one of this size takes half a minute. Beyond that, and beyond the time of so many of them, it is
# Lanczos' method, with the same R2 to 0.001.
LARGEST, MOST_PATTERNS = 5_000, 4
# Operations of Lanczos' method a genotype and vector: some 70 products, whose time is that of five
# operations of a decomposition.
PRODUCTS = 350
BLOCK = 1_024  # strains that are predicted at once


class Ridge:
    """y = mean + X w + noise, w ~ N(0, s2 / alpha), alpha by REML for each phenotype.

    Closed form: one eigendecomposition, of the smaller Gram matrix, for each pattern of missing
    strains; every phenotype uses all strains observed in it. Beyond `LARGEST`, the same by Lanczos'
    method (`g2p.baselines.large_ridge`). REML as in Kang et al. 2008 (Genetics
    178:1709), with the intercept and covariates, if any, as fixed effects.

    Attributes after `fit`:
        weight: (P, L). offset: (P,). penalty: (P,), alpha above.
        covariate_effects: (P, C), which `predict` does not add.
    """

    @property
    def state(self) -> dict:
        """The fitted arrays, for a checkpoint."""
        return {"weight": self.weight, "offset": self.offset, "penalty": self.penalty}

    @property
    def num_parameters(self) -> int:
        return self.weight.size + self.offset.size

    def fit(
        self, genotypes: np.ndarray, phenotypes: np.ndarray, covariates: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> "Ridge":  # fmt: skip
        """Fit to genotypes (n, L) and phenotypes (n, P), NaN where missing.

        Covariates (n, C) are fixed effects, which are not penalised: what they span is projected
        out of both (Frisch & Waugh 1933, Econometrica 1:387), and their effects are the generalised
        least squares of the fitted model. Noise has variance s2 / weights (n, P), if given: rows
        times the root of their weights have noise of one variance.
        """
        if covariates is None:
            covariates = np.empty((len(genotypes), 0))
        n_loci, n_phenotypes = genotypes.shape[1], phenotypes.shape[1]
        each = 1.0 if weights is None else weights.astype(float)
        counted = np.where(np.isfinite(phenotypes), each, 0.0)
        patterns, pattern_of = np.unique(counted, axis=1, return_inverse=True)
        few = min(int(counted.any(axis=1).sum()), n_loci)
        if not _is_decomposed(few, len(patterns.T)):
            fitted = fit_large_ridge(genotypes, phenotypes, covariates, weights)
            self.weight, self.offset, self.penalty, self.covariate_effects = fitted
            return self
        self.weight = np.empty((n_phenotypes, n_loci))
        self.offset, self.penalty = np.empty((2, n_phenotypes))
        self.covariate_effects = np.empty((n_phenotypes, covariates.shape[1]))
        for i, row_weights in enumerate(patterns.T):
            rows, chosen = row_weights > 0, np.flatnonzero(pattern_of == i)
            w = None if weights is None else row_weights[rows]
            root = 1.0 if w is None else np.sqrt(w)[:, None]
            X, centre = _centred(genotypes[rows].astype(np.float64), w)
            y, mean = _centred(phenotypes[np.ix_(rows, chosen)].astype(np.float64), w)
            C, middle = _centred(covariates[rows], w)
            X, y, C = root * X, root * y, root * C
            basis = column_space(C)
            weight, self.penalty[chosen] = _fit_centred(
                _without(basis, X), _without(basis, y), 1 + basis.shape[1]
            )
            self.weight[chosen] = weight
            effects = np.linalg.lstsq(C, y - X @ weight.T, rcond=None)[0].T
            self.covariate_effects[chosen] = effects
            self.offset[chosen] = mean - weight @ centre - effects @ middle
        return self

    @staticmethod
    def operations(n: int, n_loci: int, n_phenotypes: int = 1, n_patterns: int = 1) -> float:
        """What the time of a fit to n strains is proportional to, roughly."""
        few, many = sorted((n, n_loci))
        if _is_decomposed(few, n_patterns):
            return n_patterns * few**2 * (many + 12 * few)  # a Gram matrix and its axes
        return PRODUCTS * n * n_loci * (n_phenotypes + count_probes(few))

    def load(self, state: dict) -> "Ridge":
        """Restore a fitted ridge from its `state`."""
        self.weight, self.offset, self.penalty = (state[k] for k in ("weight", "offset", "penalty"))
        return self

    def predict(self, genotypes: np.ndarray) -> np.ndarray:
        """Return predictions (N, P), float64, for genotypes (N, L)."""
        blocks = [  # of 8 bytes a genotype
            genotypes[first : first + BLOCK].astype(np.float64) @ self.weight.T
            for first in range(0, len(genotypes), BLOCK)
        ]
        return np.concatenate([np.empty((0, len(self.offset))), *blocks]) + self.offset


def _centred(values: np.ndarray, w: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return values (n, k) less their means, weighted by w (n,) if there is one, and the means."""
    mean = values.mean(axis=0) if w is None else w @ values / w.sum()
    return values - mean, mean


def column_space(C: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis (n, rank) of the columns of C (n, C)."""
    u, s, _ = np.linalg.svd(C, full_matrices=False)
    return u[:, s > s.max(initial=0) * max(C.shape) * np.finfo(float).eps]


def _without(basis: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the columns of values (n, k) without what a basis (n, rank) spans."""
    return values - basis @ (basis.T @ values) if basis.shape[1] else values


def _is_decomposed(few: int, n_patterns: int) -> bool:
    """Whether as many strains or loci, whichever are fewer, are decomposed for each pattern."""
    return few <= LARGEST and n_patterns * few**3 <= MOST_PATTERNS * LARGEST**3


def _fit_centred(X: np.ndarray, y: np.ndarray, n_fixed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (P, L) and penalties (P,) for X (n, L) and y (n, P).

    The `n_fixed` fixed effects, of which the intercept is one, are projected out of both.
    """
    n, n_loci = X.shape
    dual = n <= n_loci
    # scipy's blocks every other thread, also the one that handles signals.
    d, vectors = np.linalg.eigh(X @ X.T if dual else X.T @ X)
    positive = d > d[-1] * max(X.shape) * np.finfo(float).eps
    d, vectors = d[positive], vectors[:, positive]
    if not d.size:  # no locus varies: nothing to predict with
        return np.zeros((y.shape[1], n_loci)), np.full(y.shape[1], np.inf)
    # Rows of U'y, X = U sqrt(d) V': the phenotypes along the strains' principal axes.
    z = vectors.T @ y if dual else (vectors.T @ (X.T @ y)) / np.sqrt(d)[:, None]
    outside = np.maximum((y**2).sum(axis=0) - (z**2).sum(axis=0), 0)
    penalty = np.array([_reml(d, *axes, n - n_fixed) for axes in zip(z.T, outside, strict=True)])
    shrunk = z / (d[:, None] + penalty)
    weight = X.T @ (vectors @ shrunk) if dual else vectors @ (np.sqrt(d)[:, None] * shrunk)
    return weight.T, penalty


def _reml(d: np.ndarray, z: np.ndarray, outside: float, degrees: int) -> float:
    """Return the penalty of one phenotype, z along the axes and `outside` squared elsewhere.

    Along axis i the phenotype has variance s2 (d_i / alpha + 1), elsewhere s2.
    """
    return maximise_likelihood(
        lambda alpha: np.log(d / alpha + 1).sum(),
        lambda alpha: (z**2 / (d / alpha + 1)).sum() + outside,
        degrees, d.mean(),
    )  # fmt: skip
