"""The heritability of a panel's phenotypes: the share of variance that ridge explains (REML)."""

import numpy as np
from scipy.linalg import eigh

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
