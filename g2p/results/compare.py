"""The comparison of a study's arms: what a component is worth, and how sure that is.

In: the study's results table (`g2p.results.pairs`). Out: an effect for each comparison, its p
corrected over all of them. Phenotypes count alike, however many runs each has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa

from g2p.results.pairs import Pairs, paired
from g2p.results.resampling import ALPHA, holm, interval, sign_flip, smallest_p

STARS = {0.001: "***", 0.01: "**", 0.05: "*"}
# Two equal R2 differ by rounding: their sums are taken in another order.
TIE = 1e-12


@dataclass(frozen=True)
class Comparison:
    """Runs where column `arm` is `a`, and where it is `b`; of one phenotype, seed and `by`."""

    arm: str
    a: Any
    b: Any
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Effect:
    """What changes in test R2 from arm a to arm b. Numbers are NaN where no pair is complete.

    Attributes:
        comparison: the two arms.
        mean: over phenotypes, of the mean over pairs, of b - a.
        low: of the 95% confidence interval, by hierarchical bootstrap (phenotypes, then pairs
            within them); NaN for a single pair.
        high: of the same.
        p: of a sign-flip test over phenotypes or, where there is one only, over its pairs.
        p_holm: p corrected for all comparisons of the study.
        wins: phenotypes where b is better.
        losses: where a is.
        ties: where neither is.
        by_phenotype: the mean over pairs, for each phenotype with any.
        pairs: complete pairs of runs, over all phenotypes.
        seeds: different ones among them.
        left_out: incomplete pairs.
        warning: why p may not be taken for what it looks like, in plain sentences, or None.
    """

    comparison: Comparison
    mean: float
    low: float
    high: float
    p: float
    p_holm: float
    wins: int
    losses: int
    ties: int
    by_phenotype: Mapping[str, float]
    pairs: int
    seeds: int
    left_out: int
    warning: str | None

    @property
    def phenotypes(self) -> int:
        return len(self.by_phenotype)

    @property
    def stars(self) -> str:
        return next((stars for level, stars in STARS.items() if self.p_holm <= level), "")


def compare(table: pa.Table, comparisons: Sequence[Comparison]) -> list[Effect]:
    """The effect of each comparison, all of one family for Holm's correction.

    Raises:
        UserError: as `paired` does.
    """
    found = [paired(table, c.arm, c.a, c.b, by=c.by) for c in comparisons]
    units = [_units(pairs) for pairs in found]
    p = [sign_flip(values) for values in units]
    p_holm = holm(p)
    floor = [smallest_p(len(values)) for values in units]
    # No corrected p grows when another p falls, so this is what all at their best would give.
    floor_holm = holm(floor)
    return [
        _effect(
            comparison, pairs, p=p[i], p_holm=float(p_holm[i]),
            warning=_warning(pairs, floor[i], floor_holm[i], len(comparisons)),
        )
        for i, (comparison, pairs) in enumerate(zip(comparisons, found, strict=True))
    ]  # fmt: skip


def _means(pairs: Pairs) -> dict[str, float]:
    return {name: fmean(values) for name, values in pairs.differences.items()}


def _units(pairs: Pairs) -> list[float]:
    """What the test takes as independent: phenotypes or, of one phenotype, its pairs of runs."""
    if len(pairs.differences) == 1:
        return next(iter(pairs.differences.values()))
    return list(_means(pairs).values())


def _effect(
    comparison: Comparison, pairs: Pairs, *, p: float, p_holm: float, warning: str | None
) -> Effect:
    means = _means(pairs)
    values = np.array(list(means.values()))
    low, high = interval(list(pairs.differences.values()), together=pairs.together)
    return Effect(
        comparison=comparison,
        mean=float(values.mean()) if means else np.nan,
        low=low,
        high=high,
        p=p,
        p_holm=p_holm,
        wins=int((values > TIE).sum()),
        losses=int((values < -TIE).sum()),
        ties=int((abs(values) <= TIE).sum()),
        by_phenotype=means,
        pairs=sum(map(len, pairs.differences.values())),
        seeds=pairs.seeds,
        left_out=pairs.left_out,
        warning=warning,
    )


def _warning(pairs: Pairs, floor: float, floor_holm: float, n_comparisons: int) -> str | None:
    if not pairs.differences:
        return "No pair of runs is complete."
    told = []
    total = sum(map(len, pairs.differences.values()))
    if pairs.same:
        told.append(f"In {pairs.same} of {total} pairs both are the same run.")
    if pairs.unequal:
        told.append(
            f"In {pairs.unequal} of {total} pairs the runs were tested on different numbers of "
            "strains, which may be what differs."
        )
    if floor_holm > ALPHA:
        told.append(_without_power(pairs, floor, floor_holm, n_comparisons))
    elif pairs.trained_once:
        arms = " and ".join(map(str, pairs.trained_once))
        told.append(
            f"Of {arms} there is one run, in every pair: p says nothing about another seed."
        )
    return " ".join(told) or None


def _without_power(pairs: Pairs, floor: float, floor_holm: float, n_comparisons: int) -> str:
    n = len(_units(pairs))
    s = "s" * (n != 1)
    one = len(pairs.differences) == 1
    design = f"{n} pair{s} of runs of one phenotype" if one else f"{n} phenotypes"
    corrected = (
        f", which is {floor_holm:.3g} after Holm's correction over {n_comparisons} comparisons"
    )
    return (
        f"Cannot reach significance whatever the data: {design} can give p = {floor:.3g} at "
        f"best{corrected if floor <= ALPHA else ''}."
    )
