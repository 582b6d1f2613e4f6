"""Weights of training strains from the standard errors of their phenotypes.

y_i = f(x_i) + noise_i, of variance a + b v_i: what a model leaves anyway, and noise (Garrick et al.
2009, Genet. Sel. Evol. 41:55, who weigh a record by the inverse of the two together). A strain's
own standard error would do as v_i if it did not depend on its measured phenotype: strains that
happen to be measured high would then count more, which biases the fit. So v_i is the trend of
squared standard errors along the prediction, as voom reads a variance off the mean-variance trend
at the fitted value (Law et al. 2014, Genome Biology 15:R29). Standard errors need not be
calibrated: a and b are those that explain the squared residuals.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import nnls

from g2p.baselines.ridge import Ridge
from g2p.core.errors import DataError
from g2p.core.phrases import plural
from g2p.data.preprocess import Prepared

FOLDS = 5
MOST_BINS, STRAINS_A_BIN = 20, 20  # of the trend: few, each with enough strains for a mean
MIN_STRAINS = 2 * STRAINS_A_BIN
# A trend may come down to nothing where a model predicts exactly; no variance is below this share
# of their mean, so that no strain counts for more than a hundred.
LEAST_VARIANCE = 0.01


def weigh_strains(data: Prepared) -> Prepared:
    """Return the data with weights, where it has the standard errors to compute them from.

    Raises:
        DataError: for a phenotype with too few standard errors.
    """
    if data.standard_errors is None:
        return data
    rows = data.split["train"]
    genotypes, phenotypes = data.subset("train")
    errors = data.standard_errors[rows]
    counts = (np.isfinite(phenotypes) & np.isfinite(errors)).sum(axis=0)
    for name, n in zip(data.phenotype_names, counts, strict=True):
        if n < MIN_STRAINS:
            raise DataError(
                f"data.weights=inverse_variance: phenotype '{name}' has {plural(int(n), 'value')} "
                f"with a standard error among the training strains; at least {MIN_STRAINS} are "
                "needed. Use data.weights=none."
            )
    weights = np.zeros(data.phenotypes.shape, np.float32)
    weights[rows] = inverse_variance(genotypes, phenotypes, errors)
    return replace(data, weights=weights)


def inverse_variance(
    genotypes: np.ndarray, phenotypes: np.ndarray, errors: np.ndarray
) -> np.ndarray:
    """Return weights (n, P), of mean 1 over the observed values, and 0 where none is observed.

    Predictions are those of ridge, fitted without the strain (`FOLDS` folds).

    Args:
        genotypes: (n, L).
        phenotypes: (n, P), NaN where missing.
        errors: (n, P), their standard errors, NaN where unknown.
    """
    from sklearn.model_selection import KFold  # half a second that other runs do not pay

    predicted = np.empty(phenotypes.shape)
    for rest, fold in KFold(FOLDS, shuffle=True, random_state=0).split(genotypes):
        predicted[fold] = Ridge().fit(genotypes[rest], phenotypes[rest]).predict(genotypes[fold])
    weights = np.zeros(phenotypes.shape)
    for p in range(phenotypes.shape[1]):
        rows = np.isfinite(phenotypes[:, p])
        residuals = phenotypes[rows, p] - predicted[rows, p]
        variance = _variance(predicted[rows, p], residuals, errors[rows, p])
        weights[rows, p] = np.mean(variance) / variance
        weights[rows, p] /= weights[rows, p].mean()
    return weights


def _variance(predicted: np.ndarray, residuals: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return a + b v (n,): v the trend of squared errors, a and b >= 0 by least squares."""
    has_error = np.isfinite(errors)
    v = _trend(predicted[has_error], errors[has_error] ** 2, predicted)
    columns = np.column_stack([np.ones_like(v), v])
    variance = columns @ nnls(columns, residuals**2)[0]
    return np.maximum(variance, LEAST_VARIANCE * variance.mean())


def _trend(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return y as a function of x: means of bins of as many strains, linear between them.

    Beyond the first and the last bin it is constant. Means of squares are never below 0, which
    splines through them can be.
    """
    bins = np.array_split(np.argsort(x, kind="stable"), min(MOST_BINS, len(x) // STRAINS_A_BIN))
    return np.interp(at, [x[rows].mean() for rows in bins], [y[rows].mean() for rows in bins])
