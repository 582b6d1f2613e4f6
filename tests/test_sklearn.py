"""G2PRegressor: the same answers as scikit-learn's own ridge, in its tools; bad input is named."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import check_estimator

import g2p
from g2p.sklearn import G2PRegressor

RNG = np.random.default_rng(0)
GENOTYPES = RNG.choice([-1.0, 1.0], (160, 20))
WEIGHTS = RNG.standard_normal((20, 2))
PHENOTYPES = GENOTYPES @ WEIGHTS * 3 + 7 + RNG.standard_normal((160, 2))
FAST = {"embedding_dim": 8, "num_heads": 2, "num_layers": 1, "trainer.max_epochs": 2}
STACKED = {"folds": 2, "lasso.folds": 2}


def test_ridge_is_the_solution_of_the_normal_equations():
    """Of y = a + Xw with the penalty it chose; the intercept and the scaling are not penalised."""
    model = G2PRegressor("ridge").fit(GENOTYPES, PHENOTYPES)
    ridge = model.fitted_.predict.__self__
    centred = GENOTYPES - GENOTYPES.mean(0)
    sd = PHENOTYPES.std(0)
    for p in range(2):
        y = (PHENOTYPES[:, p] - PHENOTYPES[:, p].mean()) / sd[p]
        weight = ridge.weight[p]
        # The gradient of the residuals is the penalty times the weights, by one factor for all.
        gradient = centred.T @ (y - centred @ weight)
        penalty = gradient @ weight / (weight @ weight)
        assert penalty > 0
        assert gradient == pytest.approx(penalty * weight, abs=1e-3 * np.abs(gradient).max())
    assert model.score(GENOTYPES, PHENOTYPES) > 0.95


class OnGenotypes(G2PRegressor):
    """What the checks draw from any range, as values from -1 to 1."""

    def fit(self, X, y=None):
        return super().fit(genotypes_of(X), y)

    def predict(self, X):
        return super().predict(genotypes_of(X))


def genotypes_of(X):
    if sparse.issparse(X):
        return X
    values = np.asarray(X)
    if values.dtype.kind not in "fiu":
        return X
    return np.sin(X) if hasattr(X, "columns") else np.sin(values)


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("ridge", None),
        pytest.param("gbdt", None, marks=SLOW),
        pytest.param("lasso", None, marks=SLOW),
        pytest.param("rkhs", None, marks=SLOW),
        pytest.param("linear_pairwise", None, marks=SLOW),
        pytest.param("stacked", STACKED, marks=SLOW),
        pytest.param("transformer", FAST | {"additive": True}, marks=SLOW),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Orthogonal matching pursuit ended prematurely")
def test_the_checks_of_scikit_learn_pass(model, options):
    """All of them, but for one that needs a setting of SciPy and is skipped."""
    done = check_estimator(OnGenotypes(model, options), on_skip=None)
    not_passed = [check["check_name"] for check in done if check["status"] != "passed"]
    assert len(done) > 40 and not_passed == ["check_array_api_input"]


def test_a_vector_in_is_a_vector_out_in_its_units():
    one = G2PRegressor().fit(GENOTYPES, PHENOTYPES[:, 0])
    both = G2PRegressor().fit(GENOTYPES, PHENOTYPES)
    assert one.predict(GENOTYPES).shape == (160,)
    assert one.predict(GENOTYPES) == pytest.approx(both.predict(GENOTYPES)[:, 0], abs=1e-6)


def test_missing_values_count_where_they_are():
    phenotypes = PHENOTYPES.copy()
    phenotypes[:40, 1] = np.nan
    model = G2PRegressor().fit(GENOTYPES, phenotypes)
    alone = G2PRegressor().fit(GENOTYPES[40:], PHENOTYPES[40:, 1])
    assert model.predict(GENOTYPES)[:, 1] == pytest.approx(alone.predict(GENOTYPES), abs=1e-5)


def test_cross_validation_grid_search_clone_and_pickle():
    scores = cross_val_score(G2PRegressor(), GENOTYPES, PHENOTYPES[:, 0], cv=4)
    assert scores.shape == (4,) and scores.min() > 0.9
    search = GridSearchCV(G2PRegressor("gbdt"), {"options": [None, {"leaves": 3}]}, cv=2)
    search.fit(GENOTYPES, PHENOTYPES[:, 0])
    assert search.best_params_["options"] in (None, {"leaves": 3})
    model = G2PRegressor("transformer", FAST, seed=3)
    assert clone(model).get_params() == model.get_params()
    fitted = model.fit(GENOTYPES, PHENOTYPES)
    again = pickle.loads(pickle.dumps(fitted)).predict(GENOTYPES)
    assert np.array_equal(again, fitted.predict(GENOTYPES)) and np.isfinite(again).all()


def test_a_network_is_reproducible_and_its_options_count():
    a = G2PRegressor("transformer", FAST).fit(GENOTYPES, PHENOTYPES)
    b = G2PRegressor("transformer", FAST).fit(GENOTYPES, PHENOTYPES)
    wide = G2PRegressor("transformer", FAST | {"embedding_dim": 16}).fit(GENOTYPES, PHENOTYPES)
    assert np.array_equal(a.predict(GENOTYPES), b.predict(GENOTYPES))
    assert wide.fitted_.num_parameters > a.fitted_.num_parameters
    assert len(a.fitted_.rows) == 2


def test_principal_components_are_part_of_the_prediction():
    """Two populations that differ in their mean, which the first component explains."""
    rng = np.random.default_rng(0)
    population = np.repeat([0, 1], 100)
    genotypes = np.where(rng.random((200, 40)) < 0.2 + 0.6 * population[:, None], 1.0, -1.0)
    y = 10 * population + rng.standard_normal(200)
    model = G2PRegressor("gbdt", {"data.principal_components": 2, "trees": 5})
    assert model.fit(genotypes[::2], y[::2]).score(genotypes[1::2], y[1::2]) > 0.8


def test_a_data_frame_names_its_loci():
    frame = pd.DataFrame(GENOTYPES, columns=[f"l{i}" for i in range(20)])
    model = G2PRegressor().fit(frame, PHENOTYPES)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert np.array_equal(model.predict(frame), model.predict(GENOTYPES))
    with pytest.raises(g2p.DataError, match="feature names should match those that were passed"):
        model.predict(frame[frame.columns[::-1]])


@pytest.mark.parametrize(
    ("arguments", "genotypes", "phenotypes", "error", "message"),
    [
        ({"model": "rigde"}, GENOTYPES, PHENOTYPES, g2p.OptionError, "Did you mean 'ridge'"),
        ({"options": {"width": 3}}, GENOTYPES, PHENOTYPES, g2p.OptionError, "model.width is not"),
        ({}, GENOTYPES + 1, PHENOTYPES, g2p.DataError, r"must lie in \[-1, 1\]"),
        ({}, GENOTYPES, PHENOTYPES[:9], g2p.DataError, "inconsistent numbers of samples"),
        ({}, GENOTYPES, PHENOTYPES * np.nan, g2p.DataError, "has no values"),
        ({}, [["a"]], [1.0], g2p.DataError, "could not convert string to float"),
        ({}, GENOTYPES, None, ValueError, "requires y to be passed"),
    ],
)
def test_bad_input_is_named(arguments, genotypes, phenotypes, error, message):
    with pytest.raises(error, match=message):
        G2PRegressor(**arguments).fit(genotypes, phenotypes)


def test_another_number_of_loci_is_refused():
    model = G2PRegressor().fit(GENOTYPES, PHENOTYPES)
    with pytest.raises(g2p.DataError, match="X has 5 features, but G2PRegressor is expecting 20"):
        model.predict(GENOTYPES[:, :5])
