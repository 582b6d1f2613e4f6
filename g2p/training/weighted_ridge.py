"""Ridge on a run's training strains, weighted where the run weighs them."""

import numpy as np

from g2p.baselines.ridge import LARGEST, Ridge, _fit_centred
from g2p.data.preprocess import Prepared


def fit_ridge(data: Prepared) -> Ridge:
    """Return ridge fitted to the training strains, with their weights where they have any.

    Covariates, whose effects are taken out of the phenotypes, are projected out of the genotypes
    too, which makes the two fits one; with weights the effects stay those without weights.
    """
    genotypes, phenotypes = data.subset("train")
    if data.weights is None:
        covariates = data.covariates
        if covariates is None or min(genotypes.shape) > LARGEST:  # then their effects are fixed
            return Ridge().fit(genotypes, phenotypes)
        return Ridge().fit(genotypes, phenotypes, covariates.values[data.split["train"]])
    return fit_weighted_ridge(genotypes, phenotypes, data.weights[data.split["train"]])


def fit_weighted_ridge(genotypes: np.ndarray, phenotypes: np.ndarray, weights: np.ndarray) -> Ridge:
    """Return the ridge of y_i = mean + x_i b + noise_i, where noise_i ~ N(0, s2 / weight_i).

    Rows times sqrt(weight) have noise of one variance, and an intercept column of sqrt(weight).
    Weighted means take that column out, as means do of a column of ones; what is left is ridge as
    before, its penalty by REML included (Patterson & Thompson 1971, Biometrika 58:545: it is the
    likelihood of what is orthogonal to the fixed effects).

    Args:
        genotypes: (n, L).
        phenotypes: (n, P), NaN where missing.
        weights: (n, P), above 0 where a phenotype is observed.
    """
    n_loci, n_phenotypes = genotypes.shape[1], phenotypes.shape[1]
    ridge = Ridge()
    ridge.weight = np.empty((n_phenotypes, n_loci))
    ridge.offset, ridge.penalty = np.empty((2, n_phenotypes))
    for p in range(n_phenotypes):
        rows = np.isfinite(phenotypes[:, p])
        X, y, w = (
            values.astype(np.float64)
            for values in (genotypes[rows], phenotypes[rows, p], weights[rows, p])
        )
        centre, mean = w @ X / w.sum(), w @ y / w.sum()
        scale = np.sqrt(w)[:, None]
        effects, penalty = _fit_centred(scale * (X - centre), scale * (y - mean)[:, None])
        ridge.weight[p], ridge.penalty[p] = effects[0], penalty[0]
        ridge.offset[p] = mean - effects[0] @ centre
    return ridge
