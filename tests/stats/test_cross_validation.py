"""Scores over folds against scikit-learn and the t distribution written out."""

from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import r2_score

from g2p.stats.cross_validation import Fold, ScoredValues, compare, pooled_r2, summarise


def folds_of(rng, rounds: int, folds: int, shift: float = 0.0) -> list[Fold]:
    return [fold for fold, *_ in folds_and_values(rng, rounds, folds, shift)]


def folds_and_values(rng, rounds: int, folds: int, shift: float = 0.0) -> list[tuple]:
    """Folds with their observed and predicted values."""
    made = []
    for round_ in range(rounds):
        for fold in range(folds):
            observed = rng.standard_normal(rng.integers(5, 30))
            predicted = observed + rng.standard_normal(len(observed)) + shift
            r = float(np.corrcoef(observed, predicted)[0, 1])
            values = ScoredValues.of(observed, predicted)
            r2 = r2_score(observed, predicted)
            made.append((Fold(round_, fold, r, r2, values, 90), observed, predicted))
    return made


@given(st.integers(1, 3), st.integers(2, 6), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_means_errors_and_pooled_r2(rounds, folds, seed):
    values = folds_and_values(np.random.default_rng(seed), rounds, folds)
    made = [fold for fold, *_ in values]
    result = summarise(made)
    r2 = np.array([fold.r2 for fold in made])
    assert result.folds == rounds * folds
    assert result.r2_mean == pytest.approx(r2.mean())
    assert result.r2_se == pytest.approx(stats.sem(r2))
    assert result.r_se == pytest.approx(stats.sem([fold.r for fold in made]))
    by_round = [
        r2_score(
            *(np.concatenate([value[k] for value in values if value[0].round == i]) for k in (1, 2))
        )
        for i in range(rounds)
    ]
    assert result.r2_pooled == pytest.approx(np.mean(by_round))


def test_one_fold_has_no_error():
    result = summarise(folds_of(np.random.default_rng(0), 1, 1))
    assert result.folds == 1 and np.isnan(result.r2_se) and np.isfinite(result.r2_mean)


def test_values_that_do_not_vary_have_no_pooled_r2():
    fold = Fold(None, 0, nan, nan, ScoredValues.of(np.ones(4), np.zeros(4)), 9)
    assert np.isnan(pooled_r2([fold]))


def test_the_difference_is_the_corrected_t_test_written_out():
    rng = np.random.default_rng(1)
    a, b = folds_of(rng, 2, 5), folds_of(rng, 2, 5, shift=0.3)
    (result,) = compare([(a, b[::-1])])  # in any order: folds are paired by their names
    d = np.array([y.r2 - x.r2 for x, y in zip(a, b, strict=True)])
    share = np.mean([f.values.n / f.n_train for f in (*a, *b)])
    error = np.sqrt((1 / 10 + share) * d.var(ddof=1))
    assert result.mean == pytest.approx(d.mean()) and result.folds == 10
    assert result.test.p == pytest.approx(2 * stats.t.sf(abs(d.mean()) / error, 9))
    half = stats.t.ppf(0.975, 9) * error
    assert (result.test.low, result.test.high) == pytest.approx((d.mean() - half, d.mean() + half))


def test_only_folds_that_both_have_are_compared_and_p_is_corrected():
    rng = np.random.default_rng(2)
    a, b, c = (folds_of(rng, 1, 5, shift) for shift in (0, 0.4, 0.8))
    results = compare([(a, b[:3]), (a, c)])
    assert [result.folds for result in results] == [3, 5]
    p = [result.test.p for result in results]
    order = np.argsort(p)
    holm = [None, None]
    holm[order[0]] = min(1, 2 * p[order[0]])
    holm[order[1]] = max(holm[order[0]], p[order[1]])
    assert [result.p_holm for result in results] == pytest.approx(holm)
    (none,) = compare([(a[:2], b[2:])])
    assert none.folds == 0 and np.isnan(none.mean) and np.isnan(none.p_holm)
