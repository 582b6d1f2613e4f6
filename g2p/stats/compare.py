"""The comparison of a study's arms: the effect of a component, and its uncertainty.

In: the rows of a study that count. Out: an effect for each comparison, its p corrected over all of
them. Phenotypes count alike, however many runs each has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import pyarrow as pa

from g2p.stats.cautions import cautions
from g2p.stats.comparison import Comparison
from g2p.stats.inference import Estimate, Inference, infer
from g2p.stats.pairing import Pairs, pair_runs
from g2p.stats.resampling import holm

STARS = {0.001: "***", 0.01: "**", 0.05: "*"}
# Two equal R2 differ by rounding: their sums are taken in another order.
TIE = 1e-12


@dataclass(frozen=True, kw_only=True)
class Effect(Estimate):
    """The change in test R2 from arm a to arm b. Numbers are NaN where no pair is complete.

    Attributes:
        comparison: the two arms, or the trend.
        mean: over phenotypes, of the mean over pairs, of b - a; of a trend, the change from its
            first value to its last along the fitted line.
        p_holm: p corrected for all comparisons of the study.
        wins: phenotypes where b is better.
        losses: where a is.
        ties: where neither is.
        pairs: complete pairs of runs, over all phenotypes.
        seeds: different ones among them.
        left_out: pairs that are not complete, or not used since other phenotypes lack their split.
        warning: cautions beside p, in plain sentences, or None.
    """

    comparison: Comparison
    mean: float
    p_holm: float
    wins: int
    losses: int
    ties: int
    pairs: int
    seeds: int
    warning: str | None

    @property
    def phenotypes(self) -> int:
        return len(self.by_phenotype)

    @property
    def stars(self) -> str:
        return next((stars for level, stars in STARS.items() if self.p_holm <= level), "")


def compare(table: pa.Table, comparisons: Sequence[Comparison]) -> list[Effect]:
    """Return the effect of each comparison, all of one family for Holm's correction.

    Raises:
        OptionError: as `pair_runs` does.
    """
    pairs = [pair_runs(table, comparison) for comparison in comparisons]
    results = [infer(*each) for each in zip(comparisons, pairs, strict=True)]
    p_holm = holm([result.p for result in results])
    # No corrected p grows when another p falls, so this is what all at their best would give.
    smallest_holm = holm([result.smallest_p for result in results])
    return [
        _effect(
            comparison, pairs[i], results[i], float(p_holm[i]),
            cautions(pairs[i], results[i], p_holm=p_holm[i], smallest_holm=smallest_holm[i],
                     comparisons=len(comparisons)),
        )
        for i, comparison in enumerate(comparisons)
    ]  # fmt: skip


def _effect(
    comparison: Comparison, pairs: Pairs, result: Inference, p_holm: float, warning: str | None
) -> Effect:
    values = np.array(list(result.by_phenotype.values()))
    return Effect(
        comparison=comparison,
        mean=float(values.mean()) if values.size else nan,
        low=result.low,
        high=result.high,
        p=result.p,
        p_holm=p_holm,
        wins=int((values > TIE).sum()),
        losses=int((values < -TIE).sum()),
        ties=int((abs(values) <= TIE).sum()),
        by_phenotype=result.by_phenotype,
        pairs=pairs.total - result.left_out,
        seeds=pairs.seeds,
        left_out=pairs.left_out + result.left_out,
        warning=warning,
        test=result.test,
        unit=result.unit,
        detectable=result.detectable,
        p_by_phenotype=result.p_by_phenotype,
        splits=result.splits,
        test_share=result.test_share,
    )
