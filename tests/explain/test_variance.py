"""Shares of variance: against functions whose shares are known, and another library."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from g2p.explain.variance import adjusted_r2, of_phenotype, of_predictions

PAIRS = np.array([(0, 1), (2, 3), (1, 4), (0, 5)])


def cross(n: int, loci: int = 6, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng, rng.choice([-1.0, 1.0], (n, loci))


def test_r2_is_that_of_least_squares():
    rng, X = cross(80)
    y = rng.normal(size=(80, 2)) + X[:, :1] * X[:, 1:2]
    Z = np.hstack([X, X[:, PAIRS[:, 0]] * X[:, PAIRS[:, 1]]])
    r2 = np.array([LinearRegression().fit(Z, y[:, i]).score(Z, y[:, i]) for i in (0, 1)])
    expected = 1 - (1 - r2) * 79 / (79 - Z.shape[1])
    assert adjusted_r2(y, X, PAIRS) == pytest.approx(expected, abs=1e-6)


def test_a_locus_that_does_not_vary_is_no_column():
    rng, X = cross(60)
    constant = np.hstack([X, np.ones((60, 1))])
    y = X[:, :1] + rng.normal(size=(60, 1))
    assert adjusted_r2(y, constant, PAIRS[:0]) == pytest.approx(adjusted_r2(y, X, PAIRS[:0]))
    assert adjusted_r2(y, np.ones((60, 3)), PAIRS[:0]).tolist() == [0]


def test_predictions_of_a_function_of_three_orders():
    _, X = cross(4000)
    f = 2 * X[:, 0] + X[:, 0] * X[:, 1] + 0.5 * X[:, 2] * X[:, 3] * X[:, 4]
    shares = of_predictions(f[:, None], X, PAIRS)[:, 0]
    assert shares == pytest.approx(np.array([4, 1, 0.25]) / 5.25, abs=0.02)
    assert shares.sum() == pytest.approx(1)


def test_phenotype_with_noise():
    rng, X = cross(4000)
    f = 2 * X[:, 0] + X[:, 0] * X[:, 1] + 0.5 * X[:, 2] * X[:, 3] * X[:, 4]
    y = f + rng.normal(size=4000) * np.sqrt(4.75)
    shares = of_phenotype(y, f, X, PAIRS[:1])
    assert shares == pytest.approx([0.4, 0.1, 0.025], abs=0.03)


def test_too_few_strains_have_no_shares():
    _, X = cross(20)
    assert np.isnan(of_phenotype(X[:, 0], X[:, 0], X, PAIRS)).all()
