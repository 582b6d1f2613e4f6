"""How much of what is true each arm of a study found, over its seeds, and differences of arms.

Where each seed has a panel of its own, seeds are independent: means have intervals of Student's t,
and two arms are compared by a paired t-test over the seeds that both have.
"""

from collections.abc import Sequence
from math import nan
from statistics import fmean
from typing import Any, NamedTuple

FILE = "explained.csv"  # in a study's folder
MEASURES = ("recall", "fdr", "claims", "additive", "pairwise", "higher", "published")


class Recovered(NamedTuple):
    """What the model of one run found.

    Attributes:
        arm: value of the factor that the study compares.
        settings: values of its other factors, as text.
        seed, signature: of the run.
        claims: pairs.
        recall, fdr, true_pairs: of them, where the panel knows the truth; else None.
        additive, pairwise, higher: shares of the predictions' variance, means over phenotypes.
        published: correlation of effects with published ones; None where there are none.
    """

    arm: str
    settings: str
    seed: int
    signature: str
    claims: int
    recall: float | None
    fdr: float | None
    true_pairs: int | None
    additive: float
    pairwise: float
    higher: float
    published: float | None


class Mean(NamedTuple):
    """A mean over seeds with its 95% interval, NaN of fewer than two seeds or equal values."""

    mean: float
    low: float
    high: float
    n: int
    p: float = nan


def arm_means(rows: Sequence[Recovered], measure: str) -> dict[tuple[str, str], Mean]:
    """Return (arm, settings) -> the mean of a measure over seeds."""
    return {
        arm: _mean(list(values.values())) for arm, values in _by_arm(rows, measure).items()
    }  # fmt: skip


def arm_differences(
    rows: Sequence[Recovered], measure: str, pairs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str, str], Mean]:
    """Return (a, b, settings) -> the mean difference b - a over the seeds that both have."""
    by_arm = _by_arm(rows, measure)
    differences = {}
    for settings in dict.fromkeys(settings for _, settings in by_arm):
        for a, b in pairs:
            first, second = by_arm.get((a, settings), {}), by_arm.get((b, settings), {})
            if seeds := sorted(first.keys() & second.keys()):
                values = [second[seed] - first[seed] for seed in seeds]
                differences[a, b, settings] = _mean(values)
    return differences


def _by_arm(rows: Sequence[Recovered], measure: str) -> dict[tuple[str, str], dict[int, float]]:
    by_arm: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        value = getattr(row, measure)
        if value is not None and value == value:
            by_arm.setdefault((row.arm, row.settings), {})[row.seed] = float(value)
    return by_arm


def _mean(values: Sequence[float]) -> Mean:
    if len(values) < 2 or len(set(values)) == 1:
        return Mean(fmean(values), nan, nan, len(values))
    from scipy import stats  # a second that a study without explanations does not wait for

    test: Any = stats.ttest_1samp(values, 0)  # scipy's types lack its result
    interval = test.confidence_interval(0.95)
    return Mean(fmean(values), float(interval.low), float(interval.high), len(values),
                float(test.pvalue))  # fmt: skip
