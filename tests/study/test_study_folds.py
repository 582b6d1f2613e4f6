"""A study over folds: its tables against its runs' predictions, and from kept tables alone."""

import csv
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import r2_score

from tests.helpers.studies import continue_study, plan_study, run_study
from tests.helpers.study_reports import Page

STUDY = """
set: {split: kfold, split.k: 3}
factors:
  model:
    strong: {model: ridge}
    lasso: {model: lasso, model.folds: 3}
  folds:
    first: {split.fold: 0}
    second: {split.fold: 1}
    third: {split.fold: 2}
phenotypes: [cu, 23C]
compare: [[strong, lasso]]
sizes: {laptop: {}}
"""


def test_folds_are_the_factors_that_choose_a_fold_and_nothing_else():
    factors = {
        "model": {"a": {}, "b": {}},
        "split.fold": [0, 1],
        "shuffle": [{"split.fold": 0, "split.seed": 1}, {"split.fold": 0, "split.seed": 2}],
        "bigger": {"one": {"split.fold": 0, "split.k": 5}, "two": {"split.fold": 1}},
        "split.seed": [1, 2],
    }
    assert plan_study(factors=factors, seed_keys=["split.seed"]).folds == ("split.fold", "shuffle")
    assert plan_study(factors={"model": {"a": {}}}).folds == ()


def run(folder, *arguments):
    done, study = run_study(folder, STUDY, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout, study


def read(file):
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.mark.slow
def test_scores_and_tests_of_a_study_over_folds(tmp_path):
    printed, folder = run(tmp_path / "here")
    rows = pq.read_table(folder / "results.parquet").to_pylist()
    scores = read(folder / "cv.csv")
    assert list(scores[0])[:3] == ["model", "phenotype", "folds"]
    assert len(scores) == 4 and {row["folds"] for row in scores} == {"3"}
    for score in scores:
        runs = [
            row for row in rows
            if (row["model"], row["phenotype"], row["split"])
            == (score["model"], score["phenotype"], "test")
        ]  # fmt: skip
        assert float(score["r2_mean"]) == pytest.approx(np.mean([row["r2"] for row in runs]))
        predictions = [
            row
            for signature in dict.fromkeys(row["signature"] for row in runs)
            for row in pq.read_table(
                tmp_path / "here" / "runs" / signature / "predictions.parquet"
            ).to_pylist()
            if (row["split"], row["phenotype"]) == ("test", score["phenotype"])
        ]
        assert len({row["strain"] for row in predictions}) == len(predictions)
        observed = [row for row in predictions if row["observed"] is not None]
        pooled = r2_score(
            [row["observed"] for row in observed], [row["predicted"] for row in observed]
        )
        assert float(score["r2_pooled"]) == pytest.approx(pooled)
    tests = read(folder / "cv_tests.csv")
    assert [(row["phenotype"], row["a"], row["b"], row["folds"]) for row in tests] == [
        ("cu", "strong", "lasso", "3"), ("23C", "strong", "lasso", "3")
    ]  # fmt: skip
    assert "cross-validation: mean +- standard error over folds" in printed
    text = Page((folder / "report.html").read_text()).text
    assert "strong → lasso" in text and "mean of 2 phenotypes" in text
    for score in scores:
        r2 = f"{float(score['r2_mean']):.3f} ± {float(score['r2_se']):.3f}"
        assert f"{r2}{float(score['r2_pooled']):.3f}" in text.replace("\n", "")

    table = shutil.copy(folder / "results.parquet", tmp_path / "kept.parquet")
    _, merged = run(tmp_path / "there", "--collect", f"tables=[{table}]")
    assert not (tmp_path / "there" / "runs").exists()
    for name in ("cv.csv", "cv_tests.csv"):
        assert (merged / name).read_bytes() == (folder / name).read_bytes()
    (merged / "cv_tests.csv").unlink()
    (merged / "cv.csv").write_text("")
    run_again, _ = continue_study(tmp_path / "there", "--collect", f"tables=[{table}]")
    assert run_again.returncode == 0, run_again.stderr
    for name in ("cv.csv", "cv_tests.csv"):
        assert (merged / name).read_bytes() == (folder / name).read_bytes()
