"""The results of a multirun: a table of its runs, and over folds a cross-validation."""

import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, sem
from sklearn.metrics import r2_score

from g2p.runs.cross_validation import scores_table
from g2p.runs.multirun import LOST, read_jobs, write_note
from g2p.stats.cross_validation import CrossValidated
from tests.helpers.command import train

SMALL = ("data.strains=120", "data.loci=20", "logger=none", "phenotype=[23C,cu]")


def results_folder(done) -> Path:
    last = done.stdout.splitlines()[-1]
    assert last.startswith("results: ")
    return Path(last.removeprefix("results: "))


def predictions(runs: Path, signature: str) -> pd.DataFrame:
    table = pd.read_parquet(runs / signature / "predictions.parquet")
    return table[(table["split"] == "test") & table["observed"].notna()]


@pytest.mark.slow
def test_folds_of_two_models_equal_an_independent_computation(tmp_path):
    done = train("-m", "model=ridge,lasso", "split=kfold", "split.k=3", "split.fold=0,1,2",
                 "split.seed=1,2", *SMALL, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = results_folder(done)
    assert folder.parent == tmp_path / "multiruns"
    results = pd.read_csv(folder / "results.csv")
    assert len(results) == 2 * 2 * 3 * 2 and set(results["status"]) == {"done"}
    cv = pd.read_csv(folder / "cv.csv")
    assert list(cv.columns) == [
        "model", "phenotype", "folds", "r_mean", "r_se", "r2_mean", "r2_se", "r2_pooled",
    ]  # fmt: skip
    assert len(cv) == 4
    for row in cv.itertuples():
        chosen = results[(results["model"] == row.model) & (results["phenotype"] == row.phenotype)]
        tables = {
            (r, f): (lambda t: t[t["phenotype"] == row.phenotype])(
                predictions(tmp_path / "runs", signature)
            )
            for r, f, signature in zip(
                chosen["split.seed"], chosen["split.fold"], chosen["signature"], strict=True
            )
        }
        r2 = [r2_score(t["observed"], t["predicted"]) for t in tables.values()]
        r = [pearsonr(t["observed"], t["predicted"])[0] for t in tables.values()]
        pooled = []
        for seed in (1, 2):
            each = pd.concat([t for (s, _), t in tables.items() if s == seed])
            assert each["strain"].is_unique  # each strain is tested once in a round
            pooled.append(r2_score(each["observed"], each["predicted"]))
        assert row.folds == 6
        assert (row.r2_mean, row.r2_se) == pytest.approx((np.mean(r2), sem(r2)), rel=1e-6)
        assert (row.r_mean, row.r_se) == pytest.approx((np.mean(r), sem(r)), rel=1e-6)
        assert row.r2_pooled == pytest.approx(np.mean(pooled), rel=1e-6)
    tests = pd.read_csv(folder / "cv_tests.csv")
    assert tests[["a", "b"]].drop_duplicates().to_numpy().tolist() == [["ridge", "lasso"]]
    assert ((tests["p"] >= 0) & (tests["p"] <= 1)).all() and (tests["folds"] == 6).all()
    for kind in ("png", "svg", "pdf"):
        assert (folder / f"cv.{kind}").stat().st_size > 1000
    assert "pooled R2" in done.stdout and "ridge to lasso" in done.stdout


def test_folds_of_different_strains_are_not_compared(tmp_path):
    """Other numbers of strains, or of folds, hold out other strains under the same fold number."""
    done = train("-m", "model=ridge,lasso", "split=kfold", "split.k=3,4", "split.fold=0,1,2",
                 "data.strains=100,120", *SMALL[1:3], "phenotype=cu", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    tests = pd.read_csv(results_folder(done) / "cv_tests.csv")
    settings = {f"split.k={k}, data.strains={n}" for k in (3, 4) for n in (100, 120)}
    assert {*zip(tests["a"], tests["b"], strict=True)} == {
        (f"ridge, {each}", f"lasso, {each}") for each in settings
    }
    assert (tests["folds"] == 3).all()


def test_a_sweep_that_is_no_cross_validation_has_its_runs_alone(tmp_path):
    done = train("-m", "model=gbdt", "model.trees=5,10", *SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = results_folder(done)
    results = pd.read_csv(folder / "results.csv")
    assert results["model.trees"].tolist() == [5, 5, 10, 10]
    assert results["phenotype"].tolist() == ["23C", "cu"] * 2
    assert not (folder / "cv.csv").exists()


def test_a_failed_fold_is_a_row_with_its_error_and_leaves_the_others(tmp_path):
    table = tmp_path / "data" / "table"
    table.mkdir(parents=True)
    rng = np.random.default_rng(0)
    genotypes = pd.DataFrame(rng.integers(0, 2, (60, 8)), columns=[f"l{i}" for i in range(8)])
    genotypes.insert(0, "strain", [f"s{i}" for i in range(60)])
    genotypes.to_csv(table / "genotypes.csv", index=False)
    growth = genotypes.iloc[:, 1:].to_numpy() @ rng.standard_normal(8)
    phenotypes = pd.DataFrame({"strain": genotypes["strain"], "growth": growth})
    phenotypes["fold"] = np.arange(60) % 4
    phenotypes.loc[phenotypes["fold"] == 3, "growth"] = 1.0  # no variance: it cannot be scored
    phenotypes.to_csv(table / "phenotypes.csv", index=False)
    command = ("-m", "data=table", "data.coding=0/1", "data.facts=[fold]", "model=ridge",
               "split=column", "split.column=fold", "split.test=0,1,2,3",
               "logger=none")  # fmt: skip
    done = train(*command, cwd=tmp_path, G2P_DATA=str(tmp_path / "data"))
    assert done.returncode == 1
    folder = results_folder(done)
    results = pd.read_csv(folder / "results.csv")
    assert results["status"].tolist() == ["done"] * 3 + ["failed"]
    assert "has no variance" in results["error"].iloc[-1]
    cv = pd.read_csv(folder / "cv.csv")
    assert cv["folds"].tolist() == [3] and math.isfinite(cv["r2_pooled"].item())
    failed = done.stdout.partition("1 of 4 jobs failed (error in results.csv):\n")[2]
    assert failed.startswith("  split.test=3: phenotype 'growth' has no variance")


def test_a_number_in_another_writing_is_no_other_job(tmp_path):
    """Hydra's notes have 0.0003, and the planned jobs what the user wrote."""
    write_note(tmp_path, 0, ["optim.lr=0.0003", "split.seed=1"], run="runs/a")
    planned = [["split.seed=1", "optim.lr=3e-4"], ["split.seed=2", "optim.lr=3e-4"]]
    done, lost = read_jobs(tmp_path, planned)
    assert done.directory and done.error is None
    assert (lost.overrides["split.seed"], lost.error) == (2, LOST)


def test_a_configuration_that_lacks_folds_says_so():
    of = {"ridge": 5, "flaky": 1}
    scores = {
        ((name,), "y"): CrossValidated(n, 0.5, 0.1, 0.25, 0.1, 0.25) for name, n in of.items()
    }
    folds = scores_table(scores, ["model"]).columns[2]
    assert list(folds.cells) == ["5", "1 of 5"]
    of_another_panel = {(("ridge",), "z"): CrossValidated(3, 0.5, 0.1, 0.25, 0.1, 0.25)}
    folds = scores_table(scores | of_another_panel, ["model"]).columns[2]
    assert list(folds.cells) == ["5", "3", "", "1 of 5"]  # "" of the mean


def test_options_of_hydra_are_none_of_a_job(tmp_path):
    """They are of the command, and Hydra's notes of a job lack them."""
    write_note(tmp_path, 0, ["model=ridge", "split.seed=0"], run="runs/a")
    of_command = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    planned = [["model=ridge", f"split.seed={seed}", *of_command] for seed in (0, 1)]
    done, lost = read_jobs(tmp_path, planned)
    assert done.directory and lost.error == LOST
    assert lost.overrides == {"model": "ridge", "split.seed": 1}


@pytest.mark.slow
def test_packed_and_joblib_end_with_the_same_table(tmp_path):
    tables = {}
    for launcher in ("basic", "packed", "joblib"):
        done = train("-m", f"hydra/launcher={launcher}", "model=ridge", "split=kfold", "split.k=3",
                     "split.fold=0,1,2", *SMALL, cwd=tmp_path)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "failed" not in done.stdout
        tables[launcher] = (results_folder(done) / "cv.csv").read_text()
        shutil.rmtree(tmp_path / "runs")
    assert tables["basic"] == tables["packed"] == tables["joblib"]
