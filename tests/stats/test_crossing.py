"""Crossings of curves against planted ones, whose crossing is known, and a loop over draws."""

import itertools
from math import inf, isnan, log, nan

import numpy as np
import pytest
from scipy import stats

from g2p.stats.crossing import CurvePair, find_crossings, overtaking

VALUES = (100, 300, 1000, 3000, 10_000)
PAIR = CurvePair("n", "model", "linear", "deep")


def curves(crossing: float, replicates: int, noise: float = 0.0, slope: float = 0.05) -> list[dict]:
    """Two curves a replicate that are linear in log n and cross at one n, but for noise."""
    rng = np.random.default_rng(0)
    return [
        {
            "model": model, "n": n, "seed": seed, "phenotype": "li",
            "r2": 0.5 + (model == "deep") * slope * log(n / crossing) + noise * rng.normal(),
        }
        for seed in range(replicates) for model in ("linear", "deep") for n in VALUES
    ]  # fmt: skip


@pytest.mark.parametrize("crossing", [150.0, 300.5, 1000.0, 9000.0])
def test_the_crossing_of_planted_curves(crossing):
    (result,) = find_crossings(curves(crossing, 4), [PAIR])
    assert (result.values, result.replicates) == (VALUES, 4)
    assert result.at == pytest.approx(crossing)
    assert (result.low, result.high) == pytest.approx((crossing, crossing))
    assert (result.crossing, result.ahead, result.behind) == (1, 0, 0)


def test_curves_that_do_not_cross():
    later, earlier = (find_crossings(curves(n, 4), [PAIR])[0] for n in (20_000, 50))
    assert later.at == inf and earlier.at == 0
    assert (later.crossing, later.ahead, later.behind) == (0, 0, 1)
    assert (earlier.crossing, earlier.ahead, earlier.behind) == (0, 1, 0)
    assert all(map(isnan, (later.low, later.high, earlier.low, earlier.high)))


def test_overtaking_is_for_good():
    """Of several crossings the last counts, and none where b falls back behind at the end."""
    x = (1.0, 2.0, 4.0, 8.0)
    assert overtaking(x, np.array([-1.0, 1, -1, 1])) == pytest.approx(32**0.5)
    assert overtaking(x, np.array([-1.0, 1, 1, -1])) == inf
    assert overtaking(x, np.array([1.0, 1, 0, 3])) == pytest.approx(4)  # a tie is not ahead
    assert overtaking(x, np.array([1.0, 1, 1, 1])) == 0
    both = overtaking(x, np.array([[-1.0, 3, 3, 3], [-3, -3, -3, 1]]))
    assert both == pytest.approx([2**0.25, 4 * 2**0.75])


def test_the_bootstrap_is_of_whole_replicates():
    """All 3^3 equally likely draws of three replicates, in a loop, give shares and quantiles."""
    rows = curves(3000, 3, noise=0.04)
    (result,) = find_crossings(rows, [PAIR])
    r2 = {(row["seed"], row["model"], row["n"]): row["r2"] for row in rows}
    lead = [[r2[s, "deep", n] - r2[s, "linear", n] for n in VALUES] for s in range(3)]
    crossings = []
    for draw in itertools.product(range(3), repeat=3):
        mean = [sum(lead[s][k] for s in draw) / 3 for k in range(len(VALUES))]
        behind = [k for k in range(len(VALUES)) if mean[k] <= 0]
        k = behind[-1]
        if k == len(VALUES) - 1:
            crossings.append(inf)
            continue
        share = mean[k] / (mean[k] - mean[k + 1])
        crossings.append(VALUES[k] ** (1 - share) * VALUES[k + 1] ** share)
    assert result.crossing == pytest.approx(np.isfinite(crossings).mean(), abs=0.02)
    assert 0 < result.crossing <= 1
    assert result.low == pytest.approx(min(crossings))  # 1/27 of the draws, more than 2.5%
    assert result.high == pytest.approx(max(crossings))


@pytest.mark.parametrize(("late", "share"), [(1, 0.938), (2, 0.680)])
def test_an_interval_only_where_most_draws_cross(late, share):
    """Of six replicates some cross far beyond the last value: a binomial number in each draw.

    A draw's mean curves cross at the geometric mean of its crossings, which is beyond the last
    value where three or more are late.
    """
    rows = [
        row | {"seed": i}
        for i, crossing in enumerate([110_000] * late + [1000] * (6 - late))
        for row in curves(crossing, 1)
    ]
    (result,) = find_crossings(rows, [PAIR])
    assert stats.binom.cdf(2, 6, late / 6) == pytest.approx(share, abs=1e-3)
    assert result.crossing == pytest.approx(share, abs=0.02)
    assert (result.ahead, result.behind) == (0, pytest.approx(1 - share, abs=0.02))
    if late == 1:  # draws that do not cross count, else the interval would be too narrow
        assert result.low == pytest.approx(1000) and result.high == inf
    else:
        assert isnan(result.low) and isnan(result.high)


@pytest.mark.parametrize("replicates", [0, 1, 2])
def test_too_few_replicates_have_no_interval(replicates):
    (result,) = find_crossings(curves(1000, replicates), [PAIR])
    assert result.replicates == replicates
    assert all(map(isnan, (result.crossing, result.low, result.high)))
    assert (result.at if replicates else 1000) == pytest.approx(1000)


def test_a_replicate_that_lacks_a_point_is_left_out():
    rows = [
        row | {"r2": row["r2"] + (row["seed"] == 3) * 100}
        for row in curves(1000, 4)
        if (row["seed"], row["model"], row["n"]) != (3, "deep", 300)
    ]
    (result,) = find_crossings(rows, [PAIR])
    assert result.replicates == 3 and result.at == pytest.approx(1000)


def test_curves_are_compared_at_the_values_that_both_have():
    rows = [row for row in curves(1000, 3) if (row["model"], row["n"]) != ("linear", 10_000)]
    (result,) = find_crossings(rows, [PAIR])
    assert result.values == VALUES[:-1] and result.replicates == 3
    assert result.at == pytest.approx(1000)


def test_a_curve_is_the_mean_over_the_phenotypes_that_all_points_have():
    rows = curves(1000, 3)
    rows += [row | {"phenotype": "cu"} for row in curves(1000 * 2.0, 3)]
    rows += [row | {"phenotype": "zinc", "r2": nan} for row in rows[:1]]
    (result,) = find_crossings(rows, [PAIR])
    # The mean of two leads, linear in log n, is zero at the geometric mean.
    assert result.at == pytest.approx(1000 * 2**0.5)
