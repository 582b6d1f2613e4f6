"""Cross-validation: scores of folds to one row a configuration, and the test between two of them.

A fold is one test set of one panel. Several folds make a round, in which each strain is tested once
at most; several rounds (another shuffle each) make repeated cross-validation.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import nan, sqrt
from statistics import fmean, stdev

import numpy as np

from g2p.core.grouping import group_by
from g2p.stats.resampling import CorrectedT, corrected_t, holm


@dataclass(frozen=True, eq=False)
class Fold:
    """What one run reached in one phenotype on its test set.

    Attributes:
        round: of the folds, which pooled predictions do not mix: the seed of the shuffle.
        fold: within the round; equal in runs that were tested on the same strains.
        r, r2: Pearson's r and R2 on the test set; NaN where they are not defined.
        values: of the phenotype on the test strains that have it, against their predictions.
        n_train: number of training values.
    """

    round: Hashable
    fold: Hashable
    r: float
    r2: float
    values: "ScoredValues"
    n_train: int


@dataclass(frozen=True)
class ScoredValues:
    """All that pooled R2 needs of the observed values of a test set and their predictions.

    Attributes:
        n: how many.
        mean, variance: of the observed values, the latter with the divisor n.
        squared_error: mean of (observed - predicted)^2.
    """

    n: int
    mean: float
    variance: float
    squared_error: float

    @classmethod
    def of(cls, observed: np.ndarray, predicted: np.ndarray) -> "ScoredValues":
        """Return those of observed and predicted values (n,), at least one."""
        error = float(((observed - predicted) ** 2).mean())
        return cls(len(observed), float(observed.mean()), float(observed.var()), error)


@dataclass(frozen=True)
class CrossValidated:
    """A configuration's scores over folds, of one phenotype.

    Attributes:
        folds: how many, over all rounds.
        r_mean, r_se: mean over folds of Pearson's r, and its standard error, sd / sqrt(folds). The
            folds' training sets overlap, so the error is too small for a comparison; that is made
            by `compare`.
        r2_mean, r2_se: the same of R2.
        r2_pooled: R2 over all strains of a round, each predicted by the fold that held it out; mean
            over rounds.
    """

    folds: int
    r_mean: float
    r_se: float
    r2_mean: float
    r2_se: float
    r2_pooled: float


@dataclass(frozen=True)
class Difference:
    """Arm b minus arm a in one phenotype, over the folds that both have.

    Attributes:
        folds: how many these are.
        mean: of the differences in R2.
        test: the corrected resampled t-test of that mean.
        p_holm: its p, corrected for all differences that were asked for together.
    """

    folds: int
    mean: float
    test: CorrectedT
    p_holm: float


def summarise(folds: Sequence[Fold]) -> CrossValidated:
    """Return the scores of one configuration and phenotype over its folds."""
    r_mean, r_se = _mean_and_error([fold.r for fold in folds])
    r2_mean, r2_se = _mean_and_error([fold.r2 for fold in folds])
    rounds = group_by(folds, lambda fold: fold.round)
    pooled = fmean(pooled_r2(each) for each in rounds.values())
    return CrossValidated(len(folds), r_mean, r_se, r2_mean, r2_se, pooled)


def pooled_r2(folds: Iterable[Fold]) -> float:
    """Return 1 - sum (y - f)^2 / sum (y - mean(y))^2 over the test strains of all folds.

    From each fold's n, mean m and variance v of y, the second sum is sum n (v + (m - mean(y))^2).
    """
    each = [fold.values for fold in folds]
    n, mean, variance, error = (
        np.array([getattr(values, name) for values in each], dtype=float)
        for name in ("n", "mean", "variance", "squared_error")
    )
    grand_mean = (n * mean).sum() / n.sum()
    total = (n * (variance + (mean - grand_mean) ** 2)).sum()
    return float(1 - (n * error).sum() / total) if total > 0 else nan


def compare(pairs: Sequence[tuple[Sequence[Fold], Sequence[Fold]]]) -> list[Difference]:
    """Return the difference b - a of each pair of arms (a, b), all of one family for Holm.

    Folds are paired by round and number. The test is that of Nadeau and Bengio (2003), with the
    mean ratio of test to training values: see `g2p.stats.resampling.corrected_t`.
    """
    results = []
    for a, b in pairs:
        by_fold = {(fold.round, fold.fold): fold for fold in a}
        paired = [(by_fold[key], f) for f in b if (key := (f.round, f.fold)) in by_fold]
        differences = [after.r2 - before.r2 for before, after in paired]
        shares = [fold.values.n / fold.n_train for pair in paired for fold in pair]
        test = corrected_t(differences, fmean(shares) if shares else nan)
        results.append((len(differences), fmean(differences) if differences else nan, test))
    p_holm = holm([test.p for _, _, test in results])
    return [
        Difference(folds, mean, test, float(p))
        for (folds, mean, test), p in zip(results, p_holm, strict=True)
    ]


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and its standard error, NaN for a single value."""
    return fmean(values), stdev(values) / sqrt(len(values)) if len(values) > 1 else nan
