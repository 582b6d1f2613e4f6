"""The heritability of a panel's phenotypes: the share of variance that ridge explains (REML)."""

import numpy as np
from scipy.linalg import eigh, eigvalsh

from g2p.baselines.ridge import Ridge
from g2p.report.panel.genotype_stats import sampled

HERITABILITY_STRAINS = 2_000  # an eigendecomposition of this size for each phenotype
FEWEST_VALUES = 30  # for which a heritability is estimated


def sampled_with_values(values: np.ndarray) -> np.ndarray:
    """Return rows of `values` (N, P) to estimate heritabilities from: a sample with values."""
    some = np.flatnonzero(np.isfinite(values).any(axis=1))
    return some[sampled(len(some), HERITABILITY_STRAINS)]


def heritability(kinship: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Estimate the additive heritability of each phenotype, (P,); NaN where values are too few.

    Ridge on loci X, centred, models y = mean + X w + noise with w ~ N(0, s2 / alpha): the genetic
    values of n strains have covariance (s2 / alpha) X X', so that their variance over the strains
    is expected to be (s2 / alpha) t, with t = trace(X X') / (n - 1), and

        h2 = t / (t + alpha).

    Only X X' matters, and any factor of `kinship`, which is X X' up to its scale, may stand for X:
    so the loci are read once, and each phenotype is fitted on at most n columns.

    Args:
        kinship: (n, n), `relationship`.
        values: (n, P), NaN where missing.
    """
    h2 = np.full(values.shape[1], np.nan)
    observed = np.isfinite(values)
    lowest = np.where(observed, values, np.inf).min(axis=0, initial=np.inf)
    highest = np.where(observed, values, -np.inf).max(axis=0, initial=-np.inf)
    enough = (observed.sum(axis=0) >= FEWEST_VALUES) & (lowest < highest)
    if not enough.any() or not kinship.any():
        return h2
    d, vectors = eigh(kinship)
    positive = d > d[-1] * len(d) * np.finfo(float).eps
    X = vectors[:, positive] * np.sqrt(d[positive])
    penalty = Ridge().fit(X, values[:, enough]).penalty
    t = np.array([X[rows].var(axis=0, ddof=1).sum() for rows in observed[:, enough].T])
    h2[enough] = t / (t + penalty)
    return h2


def heritability_errors(kinship: np.ndarray, values: np.ndarray, h2: np.ndarray) -> np.ndarray:
    """Return the standard error of each heritability, (P,); NaN where there is none.

    From the expected information of the restricted likelihood, the variance's scale profiled out:
    with eigenvalues l of the centred kinship, of mean 1, and w = (l - 1) / (h2 l + 1 - h2), it is
    (sum w^2 - (sum w)^2 / (n - 1)) / 2 (as Visscher & Goddard 2015, Genetics 199:223, at h2 = 0).
    It is asymptotic: near 0 and 1 it is no interval.

    Args:
        kinship: (n, n), `relationship`.
        values: (n, P), NaN where missing.
        h2: (P,), `heritability` of them.
    """
    errors = np.full(len(h2), np.nan)
    patterns, pattern_of = np.unique(np.isfinite(values), axis=1, return_inverse=True)
    for i, rows in enumerate(patterns.T):
        chosen = np.flatnonzero((pattern_of == i) & np.isfinite(h2))
        if not len(chosen):
            continue
        K = kinship[np.ix_(rows, rows)]
        K = K - K.mean(axis=0) - K.mean(axis=1, keepdims=True) + K.mean()
        eigenvalues = eigvalsh(K)[1:]  # without that of the mean's direction, which is 0
        eigenvalues /= eigenvalues.mean()
        for p in chosen:
            w = (eigenvalues - 1) / (h2[p] * eigenvalues + 1 - h2[p])
            information = (np.square(w).sum() - w.sum() ** 2 / len(w)) / 2
            errors[p] = information**-0.5 if information > 0 else np.nan
    return errors
