"""Effects of covariates: against the dense mixed model, and in runs of every kind of model."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.optimize import minimize_scalar

import g2p
from g2p.baselines.ridge import Ridge
from g2p.core.errors import G2PError
from g2p.data.preprocess import prepare
from g2p.data.split import Split
from g2p.training.covariates import adjust_for_covariates, covariate_scores
from g2p.training.fit import fit_model
from g2p.training.fit_ridge import fit_ridge
from tests.helpers.command import call, train
from tests.helpers.configs import compose
from tests.helpers.packed import TRAINER, assert_members_end_as_alone, small
from tests.helpers.panels import PREPARE, QUALITY, make_panel


@pytest.mark.parametrize(("n", "n_loci"), [(60, 8), (40, 60)])
def test_ridge_with_covariates_is_the_dense_mixed_model(n, n_loci):
    """REML of y ~ N(Z b, s2 (X X' / alpha + 1)), b by generalised least squares, u by BLUP."""
    rng = np.random.default_rng(0)
    genotypes = rng.choice(np.array([-1, 1], np.int8), (n, n_loci))
    C = np.column_stack([rng.standard_normal(n), genotypes[:, 0] + rng.standard_normal(n)])
    y = 3 + genotypes[:, :4].sum(axis=1) + C @ [2.0, -1.0] + rng.standard_normal(n)
    phenotypes = np.stack([y, y**2 / 10], axis=1)
    phenotypes[:5, 1] = np.nan
    ridge = Ridge().fit(genotypes, phenotypes, np.column_stack([C, C[:, 0] + C[:, 1]]))
    for p in range(2):
        rows = np.isfinite(phenotypes[:, p])
        X, y, Z = genotypes[rows].astype(float), phenotypes[rows, p], C[rows]
        Z = np.column_stack([np.ones(len(y)), Z])

        def minus_twice_log_likelihood(log_alpha, X=X, y=y, Z=Z):
            V = X @ X.T / np.exp(log_alpha) + np.eye(len(y))
            inverse = np.linalg.inv(V)
            information = Z.T @ inverse @ Z
            P = inverse - inverse @ Z @ np.linalg.inv(information) @ Z.T @ inverse
            determinants = np.linalg.slogdet(V)[1] + np.linalg.slogdet(information)[1]
            return determinants + (len(y) - Z.shape[1]) * np.log(y @ P @ y)

        best = minimize_scalar(minus_twice_log_likelihood, bounds=(-5, 12)).x
        assert np.log(ridge.penalty[p]) == pytest.approx(best, abs=1e-3)
        V = X @ X.T / ridge.penalty[p] + np.eye(len(y))
        b = np.linalg.solve(Z.T @ np.linalg.solve(V, Z), Z.T @ np.linalg.solve(V, y))
        weight = X.T @ np.linalg.solve(V, y - Z @ b) / ridge.penalty[p]
        np.testing.assert_allclose(ridge.weight[p], weight, atol=1e-8)
        # Of the third column, the sum of the two, half of each effect is as good as the whole.
        e = ridge.covariate_effects[p]
        np.testing.assert_allclose(e[:2] + e[2], b[1:], atol=1e-8)
        np.testing.assert_allclose(ridge.offset[p], b[0], atol=1e-8)


def panel_with_sex(n=300, effect=4.0, scale=1.0):
    rng = np.random.default_rng(1)
    genotypes = rng.choice(np.array([-1, 1], np.int8), (n, 20))
    sex, age = rng.choice(["f", "m"], n), rng.normal(40, 5, n)
    y = genotypes[:, :5].sum(axis=1) + effect * (sex == "m") + 0.3 * age + rng.standard_normal(n)
    table = pa.table({"sex": sex, "age": [str(scale * a) for a in age]})
    panel = make_panel(n, 20, 1, genotypes=genotypes, phenotypes=y[:, None], strain_table=table)
    ends = int(0.6 * n), int(0.8 * n)
    rows = np.split(np.arange(n), ends)
    split = Split(dict(zip(("train", "val", "test"), rows, strict=True)))
    return panel, split


def prepared_with_sex(**changes):
    panel, split = panel_with_sex(**changes)
    options = PREPARE | {"covariates": ["sex", "age"]}
    data = adjust_for_covariates(prepare(panel, split, [0], QUALITY, **options))
    return data, panel.phenotypes[:, 0]


def test_ridge_after_the_adjustment_is_the_joint_solution():
    data, y = prepared_with_sex()
    train = data.split["train"]
    joint = Ridge().fit(data.genotypes[train], y[train, None], data.covariates.values[train])
    fitted = fit_ridge(data)
    assert fitted.penalty == pytest.approx(joint.penalty, rel=1e-3)
    np.testing.assert_allclose(fitted.covariate_effects, 0, atol=1e-6)
    expected = joint.predict(data.genotypes) + data.covariates.values @ joint.covariate_effects.T
    standardised = fitted.predict(data.genotypes) + data.covariates.part
    np.testing.assert_allclose(data.scaler.original(standardised), expected, atol=1e-3)


def test_effects_are_not_penalised():
    """The unit of a covariate does not matter, and neither does a large effect."""
    data, _ = prepared_with_sex()
    other, _ = prepared_with_sex(effect=4000.0, scale=1e4)
    for each, effect in ((data, 4), (other, 4000)):
        female, male, _ = each.covariates.effects[:, 0]
        assert male - female == pytest.approx(effect, abs=0.5)
        assert male + female == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(data.phenotypes, other.phenotypes, atol=1e-2)


def test_too_few_values_for_so_many_effects():
    """Of one phenotype, as in a transfer: nothing would be left to estimate variances from."""
    panel, split = panel_with_sex(90)
    panel.phenotypes[10:, 0] = np.nan
    panel.phenotypes[60:, 0] = np.arange(30)
    options = PREPARE | {"covariates": ["sex", "age"]}
    with pytest.raises(G2PError, match="'p0' has 10 values .* 2 effects of covariates need 12"):
        adjust_for_covariates(prepare(panel, split, [0], QUALITY, **options))


def test_effects_of_a_large_panel_are_those_of_the_closed_form(monkeypatch):
    closed, _ = prepared_with_sex()
    monkeypatch.setattr("g2p.baselines.ridge.LARGEST", 0)
    large, _ = prepared_with_sex()
    np.testing.assert_allclose(large.covariates.effects, closed.covariates.effects, atol=0.02)
    np.testing.assert_allclose(fit_ridge(large).weight, fit_ridge(closed).weight, atol=0.02)


def test_no_test_strain_decides_on_an_effect():
    data, _ = prepared_with_sex()
    changed = replace(data, covariates=replace(data.covariates, part=None, effects=None))
    changed.observed[240:] += 100
    again = adjust_for_covariates(replace(changed, phenotypes=data.phenotypes, scaler=data.scaler))
    first = adjust_for_covariates(
        replace(data, covariates=replace(data.covariates, part=None, effects=None))
    )
    np.testing.assert_array_equal(again.covariates.effects, first.covariates.effects)


def test_what_covariates_explain():
    """Against plain sums of squares; a prediction that is sex itself has a share of 1."""
    data, y = prepared_with_sex()
    rows = data.split["test"]
    part = data.covariates.part[rows, 0] * data.scaler.sd[0]
    total = part + data.scaler.mean[0] + data.genotypes[rows, 0]
    result = covariate_scores(data, total[:, None])
    left = y[rows] - part
    sse = ((left - data.scaler.mean[0] - data.genotypes[rows, 0]) ** 2).sum()
    assert result["r2_beyond"]["p0"] == pytest.approx(1 - sse / ((left - left.mean()) ** 2).sum())
    alone = ((left - data.scaler.mean[0]) ** 2).sum() / ((y[rows] - y[rows].mean()) ** 2).sum()
    assert result["r2"]["p0"] == pytest.approx(1 - alone)
    assert result["effects"]["sex=m"]["p0"] == pytest.approx(data.covariates.effects[1, 0])
    reader = covariate_scores(data, (part + data.covariates.values[rows, 0])[:, None])
    assert reader["share_of_prediction"]["p0"] == pytest.approx(1)
    assert covariate_scores(data, part[:, None] + 5)["share_of_prediction"]["p0"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("model", ["transformer", "rijal_attention", "rkhs", "gbdt", "lasso"])
def test_every_model_predicts_with_the_covariates(tmp_path, model):
    data, y = prepared_with_sex(effect=20.0)
    overrides = small(model) if model in ("transformer", "rijal_attention") else [f"model={model}"]
    histories = []
    fitted = fit_model(compose(*overrides, "trainer.accelerator=cpu"), data, tmp_path,
                       histories.append)  # fmt: skip
    fixed = data.fixed("val")
    predicted = fitted.predict(data.genotypes[data.split["val"]]) + fixed
    observed = y[data.split["val"]]
    sse = ((data.scaler.original(predicted)[:, 0] - observed) ** 2).sum()
    r2 = 1 - sse / ((observed - observed.mean()) ** 2).sum()
    assert r2 > 0.8
    assert fitted.rows[fitted.best_epoch]["val_r2_mean"] == pytest.approx(r2, abs=1e-4)


def test_packed_runs_with_covariates_end_as_alone(tmp_path):
    data, _ = prepared_with_sex()
    configs = [compose(*small("transformer"), *TRAINER, f"seed={seed}") for seed in (0, 1)]
    assert_members_end_as_alone(tmp_path, configs, [data, data])


def write_tables(folder, n=120):
    rng = np.random.default_rng(0)
    genotypes = pd.DataFrame(rng.integers(0, 2, (n, 15)), columns=[f"m{i}" for i in range(15)])
    genotypes.index = pd.Index([f"s{i}" for i in range(n)], name="strain")
    sex, batch = rng.choice(["f", "m"], n), rng.integers(1, 4, n)
    y = genotypes.to_numpy()[:, :3].sum(axis=1) + 3 * (sex == "m") + batch**2
    table = pd.DataFrame({"y": y + rng.standard_normal(n), "sex": sex, "batch": batch})
    table.index = genotypes.index
    genotypes.to_csv(folder / "genotypes.csv")
    table.to_csv(folder / "phenotypes.csv")
    return genotypes, table


@pytest.mark.slow
def test_a_run_and_its_predictions_by_command_and_from_python(tmp_path):
    """Files name sex and batch once; predictions of the same strains are those of the run."""
    genotypes, table = write_tables(tmp_path)
    data = ("data=table", "data.path=genotypes.csv", "data.phenotypes=phenotypes.csv",
            "data.coding=0/1")  # fmt: skip
    trained = train(
        *data, "model=ridge", "logger=none", "data.covariates=[sex,batch]",
        "data.categorical=[batch]", cwd=tmp_path,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert "covariates: sex (2 levels), batch (3 levels)" in trained.stdout
    assert "covariates R2" in trained.stdout and "beyond them" in trained.stdout
    run = g2p.load_run(trained.stdout.splitlines()[-1].removeprefix("run: "))
    scores = run.metrics["covariates"]
    assert scores["r2"]["y"] > 0.6 and scores["r2_beyond"]["y"] < run.metrics["test"]["r2"]["y"]
    expected = run.predictions.set_index("strain")["predicted"]
    strains = expected.index
    from_frame = run.predict((2 * genotypes - 1).join(table[["sex", "batch"]]))["y"]
    np.testing.assert_allclose(from_frame[strains], expected, atol=1e-9)
    as_float = table.assign(batch=table["batch"].astype(float))  # as pandas has it beside a NaN
    from_floats = run.predict((2 * genotypes - 1).join(as_float[["sex", "batch"]]))["y"]
    np.testing.assert_array_equal(from_floats, from_frame)
    with pytest.warns(UserWarning, match="covariate (sex|batch): the panel has no such column"):
        average = run.predict((2 * genotypes - 1).to_numpy())["y"].to_numpy()
    assert np.abs(average - from_frame).max() > 1
    command = call("-m", "g2p", "predict", f"run={run.folder}", *data, "out=p.csv", cwd=tmp_path)
    assert command.returncode == 0, command.stderr
    written = pd.read_csv(tmp_path / "p.csv").set_index("strain")["predicted"]
    np.testing.assert_allclose(written[strains], expected, atol=1e-9)
    without = call(
        "-m", "g2p", "predict", f"run={run.folder}", *data[:2], data[3], "data.phenotypes=null",
        "out=q.csv", cwd=tmp_path,
    )  # fmt: skip
    assert "covariate sex: the panel has no such column" in without.stdout
    written = pd.read_csv(tmp_path / "q.csv").set_index("strain")["predicted"]
    np.testing.assert_allclose(written.to_numpy(), average, atol=1e-9)
    explained = call("-m", "g2p", "explain", f"run={run.folder}", cwd=tmp_path)
    assert explained.returncode == 0, explained.stderr


def test_a_plink_fam_has_sex(tmp_path):
    """The fam's fifth column, male and female as plink codes them; 0 is unknown."""
    from tests.data.sources.test_plink import FAM, read_from, write

    fam = "".join(
        f"{' '.join([*line.split()[:4], code, line.split()[5]])}\n"
        for line, code in zip(FAM.splitlines(), ("1", "2", "0"), strict=True)
    )
    panel, _ = read_from(write(tmp_path, fam=fam))
    assert panel.strain_table["sex"].to_pylist() == ["male", "female", None]
