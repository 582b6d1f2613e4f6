"""Ridge regression on all loci, which is GBLUP, with its penalty by restricted likelihood."""

import numpy as np
from scipy.optimize import minimize_scalar

# Range of penalties: this many e-folds either side of the mean eigenvalue of the Gram matrix. The
# ends are heritabilities of practically 1 and 0.
PENALTY_RANGE = 12.0
# Ridge decomposes a matrix of the smaller of strains and loci: minutes at this size, hours beyond.
LARGEST = 5_000


class Ridge:
    """y = mean + X w + noise, w ~ N(0, s2 / alpha), alpha by REML for each phenotype.

    Closed form: one eigendecomposition, of the smaller Gram matrix, for each pattern of missing
    strains; every phenotype uses all strains observed in it. REML as in Kang et al. 2008 (Genetics
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
        self, genotypes: np.ndarray, phenotypes: np.ndarray, covariates: np.ndarray | None = None
    ) -> "Ridge":
        """Fit to genotypes (n, L) and phenotypes (n, P), NaN where missing.

        Covariates (n, C) are fixed effects, which are not penalised: what they span is projected
        out of both (Frisch & Waugh 1933, Econometrica 1:387), and their effects are the generalised
        least squares of the fitted model.
        """
        n_loci, n_phenotypes = genotypes.shape[1], phenotypes.shape[1]
        self.weight = np.empty((n_phenotypes, n_loci))
        self.offset = np.empty(n_phenotypes)
        self.penalty = np.empty(n_phenotypes)
        if covariates is None:
            covariates = np.empty((len(genotypes), 0))
        self.covariate_effects = np.empty((n_phenotypes, covariates.shape[1]))
        is_observed = np.isfinite(phenotypes)
        patterns, pattern_of = np.unique(is_observed, axis=1, return_inverse=True)
        for i, rows in enumerate(patterns.T):
            chosen = np.flatnonzero(pattern_of == i)
            X = genotypes[rows].astype(np.float64)
            y = phenotypes[np.ix_(rows, chosen)].astype(np.float64)
            centre, mean = X.mean(axis=0), y.mean(axis=0)
            C = covariates[rows] - covariates[rows].mean(axis=0)
            X, y, basis = X - centre, y - mean, column_space(C)
            weight, self.penalty[chosen] = _fit_centred(
                _without(basis, X), _without(basis, y), 1 + basis.shape[1]
            )
            self.weight[chosen] = weight
            effects = np.linalg.lstsq(C, y - X @ weight.T, rcond=None)[0].T
            self.covariate_effects[chosen] = effects
            self.offset[chosen] = mean - weight @ centre - effects @ covariates[rows].mean(axis=0)
        return self

    def load(self, state: dict) -> "Ridge":
        """Restore a fitted ridge from its `state`."""
        self.weight, self.offset, self.penalty = (state[k] for k in ("weight", "offset", "penalty"))
        return self

    def predict(self, genotypes: np.ndarray) -> np.ndarray:
        """Return predictions (N, P), float64, for genotypes (N, L)."""
        return genotypes.astype(np.float64) @ self.weight.T + self.offset


def column_space(C: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis (n, rank) of the columns of C (n, C)."""
    u, s, _ = np.linalg.svd(C, full_matrices=False)
    return u[:, s > s.max(initial=0) * max(C.shape) * np.finfo(float).eps]


def _without(basis: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the columns of values (n, k) without what a basis (n, rank) spans."""
    return values - basis @ (basis.T @ values) if basis.shape[1] else values


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
    """Return the penalty that maximises the restricted likelihood of one phenotype.

    Along axis i the phenotype has variance s2 (d_i / alpha + 1), elsewhere s2, profiled out.
    """

    def minus_twice_log_likelihood(log_alpha: float) -> float:
        variance = d * np.exp(-log_alpha) + 1
        s2 = ((z**2 / variance).sum() + outside) / degrees
        return np.log(variance).sum() + degrees * np.log(s2)

    middle = np.log(d.mean())
    bounds = (middle - PENALTY_RANGE, middle + PENALTY_RANGE)
    # scipy has no types.
    return float(np.exp(minimize_scalar(minus_twice_log_likelihood, bounds=bounds).x))  # pyright: ignore[reportAttributeAccessIssue]
