"""Where two curves of R2 against a number (training strains, say) cross, by bootstrap.

A replicate is a whole one: both curves at every value, of one seed and so of one test set. Its
points share strains, so they are drawn together or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan
from statistics import fmean
from typing import Any

import numpy as np

from g2p.stats.comparison import text_of
from g2p.stats.resampling import ALPHA, DRAWS

FEWEST_REPLICATES = 3  # of a bootstrap; two have but three different draws
FEWEST_CROSSING = 0.8  # share of the draws that must cross for an interval


@dataclass(frozen=True)
class CurvePair:
    """Two curves of which is asked where b overtakes a.

    Attributes:
        along: the factor on x, whose values are positive numbers.
        arm: the factor whose values the two curves are.
        a: its value of the first curve.
        b: of the second.
        by: other factors in which the curves of a replicate agree, beside the seed.
    """

    along: str
    arm: str
    a: Any
    b: Any
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Crossing:
    """Where curve b overtakes curve a: the smallest x from which on b is ahead at all values.

    Between two values R2 is linear in log x. x is 0 where b is ahead from the first value on, and
    infinite where it is not ahead at the last: the crossing lies outside of the values, or there is
    none.

    Attributes:
        pair: the curves.
        values: x at which both have a result, ascending.
        replicates: whole ones.
        at: of the mean curves; NaN without a replicate.
        crossing, ahead, behind: shares of the draws in which b overtakes a between the first value
            and the last, is ahead at all values, and is not ahead at the last; NaN with fewer than
            `FEWEST_REPLICATES`.
        low, high: of the 95% interval over all draws, those that cross outside of the values
            included, so an end may be 0 or infinite; NaN where less than `FEWEST_CROSSING` cross.
    """

    pair: CurvePair
    values: tuple[float, ...]
    replicates: int
    at: float = nan
    crossing: float = nan
    ahead: float = nan
    behind: float = nan
    low: float = nan
    high: float = nan


def find_crossings(rows: Sequence[Mapping], pairs: Sequence[CurvePair]) -> list[Crossing]:
    """Return where the curves of each pair cross.

    Args:
        rows: of finished runs on test strains, with `seed`, `phenotype`, `r2` and the factors. A
            curve is the mean over the phenotypes that all rows of both arms have.
        pairs: of curves.
    """
    return [_crossing(rows, pair) for pair in pairs]


def overtaking(values: Sequence[float], lead: np.ndarray) -> np.ndarray:
    """Return where a lead becomes positive for good, (...), for leads (..., K) at K values.

    With i the last value at which the lead d is not positive,

        log x = log x_i + (log x_{i+1} - log x_i) d_i / (d_i - d_{i+1}),

    and x is infinite where i is the last value of all, 0 where there is no such i.
    """
    log_x = np.log(np.asarray(values, dtype=float))
    last = len(log_x) - 1
    # Counted from the end, the first value at which b is not ahead.
    i = np.where((lead <= 0).any(axis=-1), last - np.argmax(lead[..., ::-1] <= 0, axis=-1), -1)
    left = np.clip(i, 0, max(last - 1, 0))
    right = np.minimum(left + 1, last)
    d_left, d_right = (
        np.take_along_axis(lead, j[..., None], axis=-1)[..., 0] for j in (left, right)
    )
    inside = (i >= 0) & (i < last)
    share = d_left / np.where(inside, d_left - d_right, 1.0)
    x = np.exp(log_x[left] + share * (log_x[right] - log_x[left]))
    return np.where(inside, x, np.where(i < 0, 0.0, inf))


def _crossing(rows: Sequence[Mapping], pair: CurvePair) -> Crossing:
    values, leads = _leads(rows, pair)
    n = len(leads)
    if not n:
        return Crossing(pair, values, 0)
    at = float(overtaking(values, leads.mean(axis=0)))
    if n < FEWEST_REPLICATES:
        return Crossing(pair, values, n, at)
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=DRAWS)  # (DRAWS, n)
    x = overtaking(values, drawn @ leads / n)
    crossing = float(np.mean((x > 0) & (x < inf)))
    low, high = nan, nan
    if crossing >= FEWEST_CROSSING:
        ends = (ALPHA / 2, 1 - ALPHA / 2)
        # Each end is one of the draws: between a number and infinity is no number.
        low, high = np.quantile(x, ends, method="inverted_cdf").tolist()
    return Crossing(
        pair, values, n, at, crossing, float(np.mean(x == 0)), float(np.mean(x == inf)), low, high
    )


def _leads(rows: Sequence[Mapping], pair: CurvePair) -> tuple[tuple[float, ...], np.ndarray]:
    """Return the values of x, (K,), and of each whole replicate R2 of b minus that of a, (S, K)."""
    a, b = text_of(pair.a), text_of(pair.b)  # a factor of values of several kinds is text
    scores: dict[str, dict[tuple, dict[float, dict[str, float]]]] = {}
    names: dict[tuple, set[str]] = {}
    for row in rows:
        arm, x = text_of(row[pair.arm]), row[pair.along]
        if arm in (a, b) and x is not None:
            replicate = (row["seed"], *(row[name] for name in pair.by))
            point = scores.setdefault(arm, {}).setdefault(replicate, {}).setdefault(x, {})
            point[row["phenotype"]] = row["r2"]
            names.setdefault((arm, replicate, x), set()).add(row["phenotype"])
    if len(scores) < 2:
        return (), np.empty((0, 0))
    phenotypes = set.intersection(*names.values())
    curves_a, curves_b = scores[a], scores[b]
    both = (curves_a, curves_b)
    # An arm may end before the other: rkhs, where there are too many strains for it.
    values = sorted(set.intersection(*({x for c in each.values() for x in c} for each in both)))
    whole = [
        replicate for replicate in curves_a
        if phenotypes and all(set(each.get(replicate, ())) >= set(values) for each in both)
    ]  # fmt: skip
    leads = [
        [_mean(curves_b[r][x], phenotypes) - _mean(curves_a[r][x], phenotypes) for x in values]
        for r in whole
    ]
    return tuple(values), np.array(leads).reshape(len(whole), len(values))


def _mean(scores: Mapping[str, float], phenotypes: set[str]) -> float:
    return fmean(scores[name] for name in phenotypes)
