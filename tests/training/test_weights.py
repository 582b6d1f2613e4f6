"""Weights of training strains, and ridge with them, against plain computations."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from scipy.optimize import lsq_linear, minimize_scalar

from g2p.baselines.ridge import Ridge
from g2p.config.schema import check
from g2p.core.errors import G2PError
from g2p.data.preprocess import prepare
from g2p.data.split import Split
from g2p.runs.resolve import resolve_run
from g2p.runs.run import run
from g2p.training.fit_ridge import fit_ridge
from g2p.training.weights import inverse_variance, weigh_strains
from tests.helpers.configs import compose, paths, random_prepared
from tests.helpers.panels import PREPARE, QUALITY, make_panel


def noisy_cross(n=2000, n_loci=10, seed=0):
    """Genotypes, one phenotype and its noise's sd, which falls from 2 to 0.2 as the truth rises."""
    rng = np.random.default_rng(seed)
    genotypes = rng.choice(np.array([-1, 1], np.int8), (n, n_loci))
    truth = genotypes @ np.full(n_loci, n_loci**-0.5)
    sd = np.clip(1 - 0.6 * truth, 0.2, 2)
    return genotypes, (truth + sd * rng.standard_normal(n))[:, None], sd[:, None]


@pytest.mark.parametrize(("n", "n_loci"), [(60, 8), (25, 40)])
def test_weighted_ridge_is_the_dense_mixed_model(n, n_loci):
    """REML of y ~ N(mean, s2 (X X' / alpha + 1 / w)) with full matrices; effects by Henderson."""
    rng = np.random.default_rng(0)
    genotypes = rng.choice(np.array([-1, 1], np.int8), (n, n_loci))
    y = 3 + genotypes[:, :4].sum(axis=1) + 2 * rng.standard_normal(n)
    phenotypes, weights = np.stack([y, y**2], axis=1), rng.uniform(0.1, 3, (n, 2))
    phenotypes[:5, 1] = np.nan
    ridge = Ridge().fit(genotypes, phenotypes, weights=weights)
    for p in range(2):
        rows = np.isfinite(phenotypes[:, p])
        X, y, w = genotypes[rows].astype(float), phenotypes[rows, p], weights[rows, p]
        ones = np.ones((len(y), 1))

        def minus_twice_log_likelihood(log_alpha, X=X, y=y, w=w, ones=ones):
            V = X @ X.T / np.exp(log_alpha) + np.diag(1 / w)
            inverse = np.linalg.inv(V)
            information = ones.T @ inverse @ ones
            P = inverse - inverse @ ones @ np.linalg.inv(information) @ ones.T @ inverse
            determinants = np.linalg.slogdet(V)[1] + np.linalg.slogdet(information)[1]
            return determinants + (len(y) - 1) * np.log(y @ P @ y)

        best = minimize_scalar(minus_twice_log_likelihood, bounds=(-5, 12)).x
        assert np.log(ridge.penalty[p]) == pytest.approx(best, abs=1e-3)
        design = np.hstack([ones, X])
        penalty = ridge.penalty[p] * np.diag([0.0, *np.ones(n_loci)])
        W = np.diag(w)
        expected = np.linalg.solve(design.T @ W @ design + penalty, design.T @ W @ y)
        np.testing.assert_allclose([ridge.offset[p], *ridge.weight[p]], expected, atol=1e-8)


def test_equal_weights_are_ridge():
    genotypes, phenotypes, _ = noisy_cross(n=80)
    phenotypes = np.hstack([phenotypes, phenotypes[::-1]])
    phenotypes[:9, 1] = np.nan
    plain = Ridge().fit(genotypes, phenotypes)
    weighted = Ridge().fit(genotypes, phenotypes, weights=np.ones(phenotypes.shape))
    for name, value in plain.state.items():
        np.testing.assert_allclose(weighted.state[name], value, rtol=1e-6, err_msg=name)


def test_weights_of_an_additive_cross_are_those_of_its_noise():
    """The true variance is that of a phenotype's noise, since ridge leaves nothing else."""
    genotypes, phenotypes, sd = noisy_cross()
    weights = inverse_variance(genotypes, phenotypes, sd)
    assert weights.mean() == pytest.approx(1)
    truth = sd**-2.0 / np.mean(sd**-2.0)
    middle = (sd > 0.4) & (sd < 1.6)  # the ends are within one bin
    assert np.abs(np.log(weights / truth)[middle]).mean() < 0.15
    # In other units, or all too large, standard errors say the same.
    np.testing.assert_allclose(inverse_variance(genotypes, phenotypes, 3 * sd), weights, rtol=1e-6)
    errors = [
        np.sum((Ridge().fit(g, y, weights=w).weight - g.shape[1] ** -0.5) ** 2)
        for g, y, s in (noisy_cross(n=300, seed=seed) for seed in range(20))
        for w in (np.ones(y.shape), inverse_variance(g, y, s))
    ]
    assert np.mean(errors[1::2]) < 0.8 * np.mean(errors[::2])


def test_weights_are_those_of_a_plain_computation():
    """Bins by hand, linear between their means; a and b by bounded least squares."""
    genotypes, phenotypes, sd = noisy_cross(n=100)
    rng = np.random.default_rng(1)
    sd = sd * rng.uniform(0.5, 1.5, sd.shape)
    phenotypes[:7], sd[50:55] = np.nan, np.nan  # without a phenotype; without a standard error
    weights = inverse_variance(genotypes, phenotypes, sd)[:, 0]
    assert (weights[:7] == 0).all() and (weights[7:] > 0).all()

    folds = np.empty(100, int)
    order = np.random.RandomState(0).permutation(100)  # scikit-learn's
    for fold in range(5):
        folds[order[20 * fold : 20 * fold + 20]] = fold
    predicted = np.empty(100)
    for fold in range(5):
        ridge = Ridge().fit(genotypes[folds != fold], phenotypes[folds != fold])
        predicted[folds == fold] = ridge.predict(genotypes[folds == fold])[:, 0]
    measured = [i for i in range(7, 100) if not 50 <= i < 55]
    measured.sort(key=lambda i: predicted[i])
    bins = [measured[22 * b : 22 * b + 22] for b in range(4)]  # 88 strains
    centres = [np.mean([predicted[i] for i in each]) for each in bins]
    means = [np.mean([sd[i, 0] ** 2 for i in each]) for each in bins]
    v = []
    for i in range(7, 100):
        x = min(max(predicted[i], centres[0]), centres[-1])
        b = max(k for k in range(3) if x >= centres[k])
        share = (x - centres[b]) / (centres[b + 1] - centres[b])
        v.append(means[b] + share * (means[b + 1] - means[b]))
    design = np.stack([np.ones(93), v], axis=1)
    a, b = lsq_linear(design, (phenotypes[7:, 0] - predicted[7:]) ** 2, (0, np.inf), tol=1e-14).x
    expected = 1 / (a + b * np.array(v))
    assert a > 0 or b > 0
    np.testing.assert_allclose(weights[7:], expected / expected.mean(), rtol=1e-4)


def test_the_standard_error_of_one_strain_hardly_moves_its_weight():
    genotypes, phenotypes, sd = noisy_cross()
    weights = inverse_variance(genotypes, phenotypes, sd)
    changed = sd.copy()
    changed[5] *= 3
    other = inverse_variance(genotypes, phenotypes, changed)
    assert other[5] == pytest.approx(weights[5], rel=0.1)
    unknown = sd.copy()
    unknown[5] = np.nan
    assert inverse_variance(genotypes, phenotypes, unknown)[5] == pytest.approx(weights[5], rel=0.1)


def test_nothing_of_other_strains_reaches_the_weights():
    data = random_prepared(n_strains=120, n_phenotypes=2)
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.1, 1, data.phenotypes.shape)
    first = weigh_strains(replace(data, standard_errors=errors))
    rest = np.concatenate([data.split["val"], data.split["test"]])
    phenotypes, errors = data.phenotypes.copy(), errors.copy()
    phenotypes[rest] *= 9
    errors[rest] *= 9
    second = weigh_strains(replace(data, phenotypes=phenotypes, standard_errors=errors))
    np.testing.assert_array_equal(first.weights, second.weights)
    assert not first.weights[rest].any()
    observed = np.isfinite(data.phenotypes[data.split["train"]])
    assert ((first.weights[data.split["train"]] > 0) == observed).all()
    assert not np.allclose(fit_ridge(first).weight, fit_ridge(data).weight)


def test_what_cannot_be_weighted():
    options = PREPARE | {"weights": "inverse_variance"}
    panel = make_panel(60, 5, 2)
    split = Split({"train": np.arange(40), "val": np.arange(40, 50), "test": np.arange(50, 60)})
    with pytest.raises(G2PError, match="this panel has no standard errors"):
        prepare(panel, split, [0], QUALITY, **options)
    errors = np.abs(panel.phenotypes)
    errors[:30, 1] = np.nan
    data = prepare(replace(panel, standard_errors=errors), split, [1], QUALITY, **options)
    np.testing.assert_allclose(data.standard_errors * data.scaler.sd, errors[:, 1:])
    with pytest.raises(G2PError, match="'p1' has 10 values with a standard error .* 40"):
        weigh_strains(data)
    with pytest.raises(G2PError, match="model=gbdt takes no weights"):
        check(compose("model=gbdt", "data.weights=inverse_variance"))
    path = ("model.additive=true", "data.weights=inverse_variance")
    check(compose(*path))
    with pytest.raises(G2PError, match="lasso, whose effects model=transformer .* no weights"):
        check(compose(*path, "model.additive_effects=lasso"))


def test_a_run_with_weights(tmp_path):
    genotypes, phenotypes, sd = noisy_cross(n=200)
    (tmp_path / "table").mkdir()
    strains = [f"s{i}" for i in range(200)]
    loci = {f"m{i}": column for i, column in enumerate(genotypes.T)}
    growth = {"growth": phenotypes[:, 0], "growth_se": sd[:, 0]}
    for name, columns in (("genotypes", loci), ("phenotypes", growth)):
        table = pa.table({"strain": strains, **columns})
        pyarrow.csv.write_csv(table, tmp_path / "table" / f"{name}.csv")
    shared = (
        "data=table", "data.coding=-1/0/1", f"paths.data={tmp_path}", "logger=none",
        *paths(tmp_path),
    )  # fmt: skip
    plain, weighted = (
        compose(*shared, "model=ridge", f"data.weights={weights}")
        for weights in ("none", "inverse_variance")
    )
    before = {key: value for key, value in plain.data.items() if key != "weights"}
    resolved = resolve_run(plain)
    assert resolved.signature_of(plain.replace(data=before)) == resolved.signature_of(plain)
    directories = [resolve_run(config).directory for config in (plain, weighted)]
    assert [run(config) for config in (plain, weighted)] == [d.folder for d in directories]
    metrics = [directory.metrics() for directory in directories]
    assert metrics[0]["test"]["r2"] != metrics[1]["test"]["r2"]
    for each in metrics:  # the reference is ridge as the run weighs it
        assert each["ridge"]["test"]["r2_mean"] == pytest.approx(each["test"]["r2_mean"])
    predictions = directories[1].predictions().to_pandas().query("split == 'test'")
    observed, predicted = predictions["observed"], predictions["predicted"]
    unweighted = 1 - ((observed - predicted) ** 2).sum() / ((observed - observed.mean()) ** 2).sum()
    assert metrics[1]["test"]["r2_mean"] == pytest.approx(unweighted)
