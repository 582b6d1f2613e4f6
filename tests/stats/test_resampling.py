"""Tests and intervals of paired differences, against enumeration, closed forms and scipy."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from g2p.stats.resampling import (
    DRAWS,
    bootstrap,
    corrected_t,
    holm,
    interval,
    sign_flip,
    smallest_p,
)

# Eighths are added without rounding, so that a loop and an array agree on what is a tie.
eighths = st.integers(-40, 40).map(lambda n: n / 8)


@settings(max_examples=40, deadline=None)
@given(st.lists(eighths, min_size=2, max_size=9))
def test_sign_flip_looks_at_every_sign(differences):
    sums = [np.dot(signs, differences) for signs in product((1, -1), repeat=len(differences))]
    observed = sum(differences)
    tails = [sum(s >= observed for s in sums), sum(s <= observed for s in sums)]
    assert sign_flip(differences) == pytest.approx(min(1, 2 * min(tails) / len(sums)))


def test_sign_flip_of_many_is_sampled_near_the_binomial():
    """Differences of one size: how many are positive is all that counts."""
    differences = np.ones(30)
    differences[:9] = -1
    assert sign_flip(differences) == pytest.approx(stats.binomtest(9, 30).pvalue, rel=0.05)
    assert sign_flip(differences) == sign_flip(differences)


@pytest.mark.parametrize("n", [1, 2, 5, 9, 14, 60])
def test_smallest_p_is_reached_where_all_have_one_sign(n):
    assert sign_flip(np.full(n, 0.25)) == pytest.approx(smallest_p(n))
    assert sign_flip(np.zeros(n)) == 1


def test_no_sampled_p_is_below_the_smallest():
    """Of 17 differences the sample may hold the observed outcome more than once."""
    assert smallest_p(17) <= sign_flip(np.ones(17)) < 1e-3


def test_five_can_never_and_six_can():
    assert smallest_p(5) == 2 / 32 > 0.05 > smallest_p(6)
    assert np.isnan(smallest_p(0)) and np.isnan(sign_flip([]))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test(p):
    """A hypothesis falls when each set of hypotheses that holds it falls by Bonferroni."""
    k = len(p)
    sets = [s for size in range(1, k + 1) for s in combinations(range(k), size)]
    expected = [
        max(min(1, len(s) * min(p[j] for j in s)) for s in sets if i in s) for i in range(k)
    ]
    np.testing.assert_allclose(holm(p), expected)


def test_holm_counts_what_is_not_done_yet():
    np.testing.assert_array_equal(holm([0.01, np.nan, 0.25]), [0.03, np.nan, 0.5])
    assert holm([]).shape == (0,)


@pytest.mark.parametrize("joint", [False, True])
def test_bootstrap_draws_each_outcome_as_often_as_it_should(joint):
    """Two phenotypes with two pairs each: 4 choices of phenotypes, 4 or 16 of pairs."""
    differences = [[0.0, 1.0], [10.0, 14.0]]
    outcomes = []
    for phenotypes in product((0, 1), repeat=2):
        for pairs in product((0, 1), repeat=2 if joint else 4):
            taken = (pairs, pairs) if joint else (pairs[:2], pairs[2:])
            outcomes.append(np.mean([
                np.mean([differences[phenotype][i] for i in indices])
                for phenotype, indices in zip(phenotypes, taken, strict=True)
            ]))  # fmt: skip
    draws = bootstrap(differences, joint=joint)
    assert set(draws) == set(outcomes)
    for value in set(outcomes):
        share = outcomes.count(value) / len(outcomes)
        error = np.sqrt(share * (1 - share) / DRAWS)
        assert np.mean(draws == value) == pytest.approx(share, abs=4.5 * error)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(eighths, min_size=1, max_size=6), min_size=1, max_size=8))
def test_variance_of_the_bootstrap(differences):
    """Between phenotypes and, within them, between pairs: both over the number of phenotypes."""
    means = [np.mean(pairs) for pairs in differences]
    within = np.mean([np.var(pairs) / len(pairs) for pairs in differences])
    variance = (np.var(means) + within) / len(differences)
    draws = bootstrap(differences, joint=False)
    assert draws.shape == (DRAWS,)
    assert draws.mean() == pytest.approx(np.mean(means), abs=4.5 * np.sqrt(variance / DRAWS) + 1e-9)
    assert draws.var() == pytest.approx(variance, rel=0.15, abs=1e-9)


def test_runs_of_all_phenotypes_share_their_luck():
    """Where pair i is 5 for every phenotype or for none, phenotypes do not average it out."""
    lucky = [[0.0, 0.0, 0.0, 5.0, 5.0]] * 18
    variance = np.var(lucky[0]) / 5
    assert bootstrap(lucky, joint=True).var() == pytest.approx(variance, rel=0.1)
    assert bootstrap(lucky, joint=False).var() == pytest.approx(variance / 18, rel=0.1)


def test_interval_of_one_level_is_scipys():
    x = np.random.default_rng(3).normal(1, 2, size=15)
    scipys = stats.bootstrap((x,), np.mean, method="percentile", rng=np.random.default_rng(1))
    expected = scipys.confidence_interval
    phenotypes, pairs = [[value] for value in x], [list(x)]
    for differences in (phenotypes, pairs):
        result = interval(differences, joint=False)
        np.testing.assert_allclose(result, expected, atol=0.05)


def test_one_pair_has_no_interval():
    assert np.isnan(interval([[0.5]], joint=False)).all()
    assert np.isnan(interval([], joint=False)).all()


def differences_over_folds(rng, n, k, repeats, phenotypes=1, studies=2000):
    """R2 of one feature less that of another, which is as good, (studies, phenotypes, r x k).

    Strains are few, their features and phenotypes normal, and both predictors a fitted line; all
    phenotypes are of the same strains and depend on the same two features.
    """
    x = rng.standard_normal((2, studies, 1, n))
    y = x.sum(axis=0) + 2 * rng.standard_normal((studies, phenotypes, n))
    r2 = []
    for _ in range(repeats):
        for held_out in np.array_split(rng.permutation(n), k):
            test = np.isin(np.arange(n), held_out)
            x_mean, y_mean = (v[..., ~test].mean(axis=-1, keepdims=True) for v in (x, y))
            centred = x - x_mean
            slope = (centred * (y - y_mean))[..., ~test].sum(axis=-1, keepdims=True)
            slope /= (centred**2)[..., ~test].sum(axis=-1, keepdims=True)
            error = ((y - y_mean - slope * centred)[..., test] ** 2).sum(axis=-1)
            r2.append(1 - error / (y[..., test].var(axis=-1) * test.sum()))
    first, second = np.moveaxis(np.array(r2), 1, 0)
    return np.moveaxis(second - first, 0, -1)


@pytest.mark.parametrize(("n", "k", "repeats", "phenotypes"), [(60, 5, 10, 1), (60, 5, 8, 4)])
def test_the_corrected_test_holds_its_level_where_the_plain_one_does_not(n, k, repeats, phenotypes):
    """Two predictors that are equally good: 5% of studies at most may say that they are not."""
    values = differences_over_folds(np.random.default_rng(0), n, k, repeats, phenotypes)
    means = values.mean(axis=1)  # over phenotypes
    corrected = [corrected_t(row, 1 / (k - 1)).p for row in means]
    plain = stats.ttest_1samp(means, 0, axis=1).pvalue
    assert np.mean(plain <= 0.05) > 0.3
    assert 0.005 < np.mean(np.array(corrected) <= 0.05) <= 0.05


@given(st.lists(eighths, min_size=2, max_size=12), st.floats(0.01, 1))
def test_the_corrected_test_is_scipys_with_a_larger_variance(values, share):
    result = corrected_t(values, share)
    k, mean = len(values), np.mean(values)
    if np.ptp(values) == 0:
        assert result.p == float(mean == 0) and result.low == result.high == mean
        return
    uncorrected = stats.ttest_1samp(values, 0)
    t = uncorrected.statistic / np.sqrt(1 + k * share)
    assert result.p == pytest.approx(2 * stats.t.sf(abs(t), k - 1))
    low, high = uncorrected.confidence_interval()
    assert result.detectable == pytest.approx((high - low) / 2 * np.sqrt(1 + k * share))
    assert result.low == pytest.approx(mean - result.detectable)
    assert (result.low > 0 or result.high < 0) == (result.p < 0.05)
    # A mean of just that size has a p of 5%.
    shifted = corrected_t(np.array(values) - mean + result.detectable, share)
    assert shifted.p == pytest.approx(0.05)


@pytest.mark.parametrize(("values", "share"), [([0.5], 0.1), ([], 0.1), ([0.1, 0.2], np.nan)])
def test_what_has_no_corrected_test(values, share):
    result = corrected_t(values, share)
    assert np.isnan([result.low, result.high, result.p, result.detectable]).all()
