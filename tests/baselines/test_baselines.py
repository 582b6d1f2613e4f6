"""Baselines: each against a known truth, another computation, and their common contract."""

import numpy as np
import pytest
from sklearn.linear_model import ElasticNetCV

from g2p.baselines import build_baseline
from g2p.config.registry import choices, is_baseline
from g2p.core.errors import G2PError
from g2p.runs.run import run
from g2p.training.checkpoints import load_checkpoint
from g2p.training.metrics import scores
from tests.helpers.configs import compose, paths

BASELINES = [name for name in choices("model") if is_baseline(name)]
QUICK = {
    "gbdt": ["model.trees=60"], "lasso": ["model.penalties=8"],
    "stacked": ["model.gbdt.trees=60", "model.lasso.penalties=8", "model.folds=3"],
}  # fmt: skip


def build(name, *overrides):
    return build_baseline(compose(f"model={name}", *QUICK.get(name, []), *overrides)["model"])


def cross(n=300, n_loci=20, seed=0):
    rng = np.random.default_rng(seed)
    return rng.choice(np.array([-1, 1], np.int8), (n, n_loci)), rng


def r2_of_held_out(name, genotypes, y, n_train) -> float:
    """R2 on the strains from `n_train` on, of a baseline fitted on those before."""
    fitted = build(name).fit(genotypes[:n_train], y[:n_train, None])
    return scores(fitted.predict(genotypes[n_train:]), y[n_train:, None]).r2[0]


@pytest.mark.parametrize("name", BASELINES)
def test_the_contract_they_share(name):
    """Missing values are left out by phenotype; one phenotype does not change another."""
    genotypes, rng = cross(n=120)
    phenotypes = genotypes[:, :3] + 0.5 * rng.standard_normal((120, 3))
    phenotypes[:30, 1] = np.nan
    joint = build(name).fit(genotypes, phenotypes)
    alone = build(name).fit(genotypes[30:], phenotypes[30:, 1:2])
    predicted = joint.predict(genotypes)
    assert predicted.shape == (120, 3)
    np.testing.assert_allclose(predicted[:, 1], alone.predict(genotypes)[:, 0], atol=1e-8)
    assert joint.num_parameters > 0
    assert (scores(predicted, phenotypes).r2 > 0.5).all()
    # Fitted again it is the same.
    np.testing.assert_array_equal(
        predicted, build(name).fit(genotypes, phenotypes).predict(genotypes)
    )


@pytest.mark.parametrize("name", BASELINES)
def test_a_run_of_each(tmp_path, name):
    overrides = (f"model={name}", "data.strains=200", "data.loci=32", "logger=none", "phenotype=cu")
    folder = run(compose(*overrides, *QUICK.get(name, []), *paths(tmp_path)))
    saved = load_checkpoint(folder / "checkpoints" / "best.ckpt")  # tensors and plain values only
    assert saved["state_dict"]
    assert saved["inputs"]["phenotypes"] == ["cu"]


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize(("n", "n_loci"), [(200, 40), (120, 300)])
def test_lasso_is_scikit_learns_with_its_cross_validation(n, n_loci, l1_ratio):
    genotypes, rng = cross(n, n_loci)
    y = genotypes[:, 0] + 0.5 * genotypes[:, 5] + 0.3 * rng.standard_normal(n)
    lasso = build("lasso", f"model.l1_ratio={l1_ratio}").fit(genotypes, y[:, None])
    other = ElasticNetCV(l1_ratio=l1_ratio, cv=5, alphas=8, eps=1e-2, tol=1e-3)
    other.fit(genotypes.astype(float), y)
    assert lasso.state["penalty"][0] == pytest.approx(other.alpha_)
    np.testing.assert_allclose(lasso.state["weight"][0], other.coef_, atol=1e-9)


def test_linear_pairwise_finds_the_loci_and_the_pair():
    genotypes, rng = cross(n=400)
    x = genotypes.astype(float)
    y = 1 + x[:, 2] + 0.8 * x[:, 7] - x[:, 11] + 1.5 * x[:, 2] * x[:, 11]
    y += 0.1 * rng.standard_normal(400)
    model = build("linear_pairwise").fit(genotypes, y[:, None])
    loci, pairs = model.state["loci"][0].tolist(), model.state["pairs"][0].tolist()
    weight = dict(zip([*loci, *map(tuple, pairs)], model.state["weight"][0], strict=True))
    for term, value in {2: 1, 7: 0.8, 11: -1, (2, 11): 1.5}.items():
        assert weight[term] == pytest.approx(value, abs=0.05)
    assert model.state["offset"][0] == pytest.approx(1, abs=0.05)
    additive = build("linear_pairwise", "model.max_pairs=0").fit(genotypes, y[:, None])
    assert len(additive.state["pairs"][0]) == 0
    fresh, _ = cross(n=200, seed=1)
    x = fresh.astype(float)
    truth = 1 + x[:, 2] + 0.8 * x[:, 7] - x[:, 11] + 1.5 * x[:, 2] * x[:, 11]
    assert scores(model.predict(fresh), truth[:, None]).r2[0] > 0.98
    assert scores(additive.predict(fresh), truth[:, None]).r2[0] < 0.8


def test_linear_pairwise_without_a_signal_or_degrees_of_freedom():
    genotypes, rng = cross(n=12, n_loci=3)
    noise = rng.standard_normal((12, 1))
    assert np.isfinite(build("linear_pairwise").fit(genotypes, noise).predict(genotypes)).all()


@pytest.mark.parametrize("name", ["linear_pairwise", "rkhs", "gbdt", "stacked"])
def test_an_interaction_is_predicted_better_than_by_ridge(name):
    genotypes, rng = cross(n=500, n_loci=10)
    x = genotypes.astype(float)
    y = (x[:, 0] + 0.5) * (x[:, 1] + 0.5) + 0.3 * rng.standard_normal(500)
    r2 = {m: r2_of_held_out(m, genotypes, y, 400) for m in (name, "ridge")}
    assert r2[name] > r2["ridge"] + 0.2


@pytest.mark.parametrize("name", BASELINES)
def test_additive_data_give_no_model_more_than_ridge(name):
    genotypes, rng = cross(n=600, n_loci=30)
    y = genotypes @ rng.standard_normal(30)
    y = y + y.std() * rng.standard_normal(600)
    r2 = {m: r2_of_held_out(m, genotypes, y, 400) for m in (name, "ridge")}
    assert r2[name] < r2["ridge"] + 0.05


def test_stacking_weights_are_those_of_unseen_predictions():
    """Against the two members fitted one by one."""
    from scipy.optimize import nnls
    from sklearn.model_selection import KFold

    genotypes, rng = cross(n=120, n_loci=8)
    x = genotypes.astype(float)
    y = x[:, 0] + x[:, 1] * x[:, 2] + 0.3 * rng.standard_normal(120)
    model = build("stacked")
    state = model.fit(genotypes, y[:, None]).state
    unseen = np.empty((120, 2))
    for fitted, held_out in KFold(3, shuffle=True, random_state=0).split(x):
        for i, name in enumerate(("lasso", "gbdt")):
            member = build(name).fit(genotypes[fitted], y[fitted, None])
            unseen[held_out, i] = member.predict(genotypes[held_out])[:, 0]
    weight, _ = nnls(unseen - y.mean(), y - y.mean())
    np.testing.assert_allclose(state["weight"][0], weight, atol=1e-8)
    alone = [build(name).fit(genotypes, y[:, None]).predict(genotypes)[:, 0] - y.mean()
             for name in ("lasso", "gbdt")]  # fmt: skip
    np.testing.assert_allclose(
        model.predict(genotypes)[:, 0], y.mean() + np.stack(alone, 1) @ weight, atol=1e-8
    )


@pytest.mark.parametrize("name", ["lasso", "linear_pairwise", "stacked"])
def test_too_few_strains_to_cross_validate(name):
    genotypes, rng = cross(n=3, n_loci=4)
    with pytest.raises(G2PError, match=r"has 3 training strains.*Use ridge"):
        build(name).fit(genotypes, rng.standard_normal((3, 1)))


def test_strains_that_are_all_alike():
    """Nothing to predict with: the mean, and no division by a distance of zero."""
    genotypes, y = np.ones((30, 2), np.int8), np.arange(30.0)[:, None]
    for name in ("rkhs", "linear_pairwise"):
        predicted = build(name).fit(genotypes, y).predict(genotypes)
        np.testing.assert_allclose(predicted, y.mean(), atol=1e-6)
