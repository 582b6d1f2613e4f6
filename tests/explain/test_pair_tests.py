"""Tests of proposed pairs: their p, their level, and what is proposed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from g2p.explain.linkage import linked_loci
from g2p.explain.pair_tests import directed_p, propose


def textbook_hc3(y, Z, column):
    """t of one column by the sandwich of MacKinnon and White, all matrices written out."""
    inverse = np.linalg.inv(Z.T @ Z)
    coefficient = inverse @ Z.T @ y
    residual = y - Z @ coefficient
    leverage = np.diag(Z @ inverse @ Z.T)
    meat = Z.T @ np.diag((residual / (1 - leverage)) ** 2) @ Z
    return coefficient[column] / np.sqrt((inverse @ meat @ inverse)[column, column])


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), loci=st.integers(2, 5), sign=st.sampled_from([-1, 1]))
def test_p_is_that_of_the_textbook(seed, loci, sign):
    rng = np.random.default_rng(seed)
    X = rng.choice([-1.0, 1.0], (60, loci))
    pairs = np.array([(0, 1)] + [(0, loci - 1)] * (loci > 2))
    y = X @ rng.normal(size=loci) + X[:, 0] * X[:, 1] + rng.normal(size=60) * (1 + (X[:, 0] > 0))
    values, condition = directed_p(y, X, pairs, np.full(len(pairs), sign), np.zeros(60))
    assert condition == "all loci and the other pairs"
    Z = np.column_stack([np.ones(60), X, X[:, pairs[:, 0]] * X[:, pairs[:, 1]]])
    for i, p in enumerate(values):
        t = textbook_hc3(y, Z, 1 + loci + i)
        expected = min(1, 2 * stats.t.sf(sign * t, 60 - Z.shape[1]))
        assert p == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_a_pair_with_the_other_sign_counts_for_nothing():
    rng = np.random.default_rng(0)
    X = rng.choice([-1.0, 1.0], (300, 4))
    y = X[:, 0] * X[:, 1] + rng.normal(size=300)
    pair = np.array([[0, 1]])
    agrees, _ = directed_p(y, X, pair, np.array([1.0]), np.zeros(300))
    contradicts, _ = directed_p(y, X, pair, np.array([-1.0]), np.zeros(300))
    assert agrees[0] < 1e-10 and contradicts[0] == 1


@pytest.mark.parametrize(("strains", "loci"), [(200, 20), (90, 60), (30, 60)])
def test_the_level_holds_where_nothing_interacts(strains, loci):
    """On additive data with noise that depends on a locus, p < 0.05 in at most 5%."""
    rng = np.random.default_rng(strains)
    pairs = np.array([(0, 1), (2, 3), (4, 5), (0, 6)])
    p, conditions = [], set()
    for _ in range(400):
        X = rng.choice([-1.0, 1.0], (strains, loci))
        additive = X[:, :10] @ rng.normal(size=10)
        y = additive + rng.normal(size=strains) * (1 + 0.5 * X[:, 0])
        fitted = additive + rng.normal(size=strains)
        direction = rng.choice([-1.0, 1.0], 4)
        values, condition = directed_p(y, X, pairs, direction, fitted)
        p += values.tolist()
        conditions.add(condition)
    assert len(conditions) == 1
    # Twice a one-sided p: below 0.05 with probability 0.025. Four standard errors of 1,600 tests.
    assert np.mean(np.array(p) < 0.05) < 0.025 + 4 * np.sqrt(0.025 * 0.975 / 1600)
    assert np.mean(np.array(p) < 0.5) < 0.3  # of few strains HC3 is wide


def test_a_product_that_is_another_column_has_no_small_p():
    X = np.ones((50, 3))
    X[:25, 0] = -1
    y = np.random.default_rng(0).normal(size=50)
    p, _ = directed_p(y, X, np.array([[0, 1], [1, 2]]), np.ones(2), np.zeros(50))
    assert p.tolist() == [1, 1]  # both products are columns that are there already


def test_no_two_proposals_are_of_linked_loci():
    rng = np.random.default_rng(0)
    X = rng.choice([-1.0, 1.0], (500, 6))
    X[:, 1] = X[:, 0]
    linkage = linked_loci(X, ["1", "1", "2", "2", "3", "3"], 0.5)
    pairs = np.array([(0, 2), (1, 2), (0, 3), (2, 4), (4, 5), (1, 5)])
    share = np.array([0.5, 0.4, 0.3, 0.2, 0.0, 0.1])
    assert propose(share, pairs, linkage, 10).tolist() == [0, 2, 3, 5]
    assert propose(share, pairs, linkage, 2).tolist() == [0, 2]
    assert propose(np.zeros(6), pairs, linkage, 10).tolist() == []
