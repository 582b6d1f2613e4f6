"""Tests and intervals of paired differences: numbers in, numbers out.

A set of differences has two levels: phenotypes, and within each the pairs of runs. Every random
draw starts from a fixed seed, so that a report made again is the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ALPHA = 0.05
DRAWS = 10_000  # of the bootstrap
MOST_VALUES = 5_000_000  # drawn at a time: bounds the memory
# Sign flips of up to 16 differences (2^16 = 65,536) are all evaluated, of more a sample this large;
# of more than a thousand differences a smaller one, but never below the second number.
FLIPS, FEWEST_FLIPS = 99_999, 9_999


def sign_flip(differences: Sequence[float]) -> float:
    """Return the two-sided p of a mean of zero, if each of n differences may have either sign.

    One difference shows nothing (p = 1), none is not a test (NaN).
    """
    if len(differences) < 2:
        return 1.0 if len(differences) else np.nan
    from scipy.stats import permutation_test  # takes half a second, which a second collect saves

    n = len(differences)
    result = permutation_test(
        (np.asarray(differences),), np.mean, permutation_type="samples", vectorized=True,
        n_resamples=_flips(n), batch=max(1, min(10_000, MOST_VALUES // n)),
        # SciPy calls it rng since 1.15, and takes both.
        random_state=np.random.default_rng(0),  # pyright: ignore[reportCallIssue]
    )  # fmt: skip
    return float(result.pvalue)


def smallest_p(n: int) -> float:
    """Return the smallest p that `sign_flip` can give for n differences, whatever they are.

    That is where all have one sign: it and its mirror image are two of the 2^n outcomes. In a
    sample of the outcomes the observed one is counted beside those drawn.
    """
    if n == 0:
        return np.nan
    return 2 / min(2**n, _flips(n) + 1)


def _flips(n: int) -> int:
    """Return how many sign flips of n differences are sampled where they are too many."""
    return max(FEWEST_FLIPS, min(FLIPS, 100_000_000 // n))


@dataclass(frozen=True)
class CorrectedT:
    """A corrected resampled t-test: see `corrected_t`.

    Attributes:
        low, high: of the 95% confidence interval, which excludes 0 just where p is below 5%.
        p: two-sided.
        detectable: the smallest mean that would have had a p of 5%, of either sign, given the
            spread over splits that was found: half the interval's width.
    """

    low: float
    high: float
    p: float
    detectable: float


def corrected_t(differences: Sequence[float], test_share: float) -> CorrectedT:
    """Test whether the mean of one difference a split is zero, over splits of one panel.

    Training sets of two splits share most of their strains, so the k differences are correlated and
    their variance s^2 / k is too small. With the correlation n_test / (n_test + n_train), as for
    training sets drawn at random, the mean has the variance

        (1 / k + n_test / n_train) s^2

    and the mean over its root follows t with k - 1 degrees of freedom, approximately (Nadeau and
    Bengio 2003, Mach Learn 52:239; of r times k folds there are r k differences: Bouckaert and
    Frank 2004, PAKDD 3). Assumes that differences are normal.

    Args:
        differences: (k,), all of them, of all repeats and folds.
        test_share: n_test / n_train.

    Returns:
        The test; all NaN for fewer than two differences or an unknown share.
    """
    k = len(differences)
    if k < 2 or not np.isfinite(test_share):
        return CorrectedT(np.nan, np.nan, np.nan, np.nan)
    from scipy.special import stdtr, stdtrit

    mean = float(np.mean(differences))
    error = float(np.std(differences, ddof=1) * np.sqrt(1 / k + test_share))
    half = float(stdtrit(k - 1, 1 - ALPHA / 2)) * error
    # Differences that are all the same leave no doubt, if they are not all 0.
    p = float(2 * stdtr(k - 1, -abs(mean) / error)) if error else float(mean == 0)
    return CorrectedT(mean - half, mean + half, p, half)


def holm(p: Sequence[float]) -> np.ndarray:
    """Return p values corrected for their number (Holm 1979, Scand J Stat 6:65), (K,).

    A test that cannot be done yet (NaN) counts among the K, and stays NaN.
    """
    values = np.asarray(p, dtype=float)
    filled = np.nan_to_num(values, nan=1.0)
    order = np.argsort(filled)
    # The smallest is multiplied by K, the next by K - 1, ..., and none comes before a smaller one.
    stepped = np.maximum.accumulate(filled[order] * np.arange(len(values), 0, -1))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(stepped, 1)
    return np.where(np.isnan(values), np.nan, corrected)


def bootstrap(differences: Sequence[Sequence[float]], *, joint: bool) -> np.ndarray:
    """Return means over phenotypes of means over pairs, resampled at both levels, (DRAWS,).

    Args:
        differences: for each phenotype those of its pairs, at least one.
        joint: whether pair i is the same two runs in every phenotype. Then a draw takes the same
            pairs in all, since a lucky run is lucky in all of them; otherwise each phenotype
            takes separate ones.
    """
    n_phenotypes = len(differences)
    rng = np.random.default_rng(0)
    longest = max(map(len, differences))
    block = max(1, MOST_VALUES // longest)
    means = []
    for start in range(0, DRAWS, block):
        draws = min(block, DRAWS - start)
        uniform = rng.random((draws, longest))
        shared = _resampled(differences, uniform) if joint else None
        total = np.zeros(draws)
        for _ in range(n_phenotypes):
            phenotype = rng.integers(n_phenotypes, size=draws)
            if shared is not None:
                total += shared[phenotype, np.arange(draws)]
                continue
            uniform = rng.random((draws, longest))
            for i, pairs in enumerate(differences):  # each draw that took it, with separate pairs
                chosen = phenotype == i
                total[chosen] += _resampled([pairs], uniform[chosen])[0]
        means.append(total / n_phenotypes)
    return np.concatenate(means)


def _resampled(differences: Sequence[Sequence[float]], uniform: np.ndarray) -> np.ndarray:
    """Return the mean of each phenotype's pairs, resampled to the same number, (P, draws).

    Args:
        differences: for each phenotype those of its pairs.
        uniform: (draws, at least as many as pairs) in [0, 1): which pairs, alike in all.
    """
    draws = len(uniform)
    means = np.empty((len(differences), draws))
    counted: dict[int, np.ndarray] = {}
    for i, pairs in enumerate(differences):
        n = len(pairs)
        if n not in counted:
            # How often each pair is drawn: phenotypes of as many pairs share this large part.
            drawn = (uniform[:, :n] * n).astype(int) + n * np.arange(draws)[:, None]
            counted[n] = np.bincount(drawn.ravel(), minlength=draws * n).reshape(draws, n)
        means[i] = counted[n] @ np.asarray(pairs) / n
    return means


def interval(differences: Sequence[Sequence[float]], *, joint: bool) -> tuple[float, float]:
    """Return the 95% confidence interval of the mean; NaN for fewer than two pairs in all."""
    if sum(map(len, differences)) < 2:
        return np.nan, np.nan
    low, high = np.quantile(bootstrap(differences, joint=joint), (ALPHA / 2, 1 - ALPHA / 2))
    return float(low), float(high)
