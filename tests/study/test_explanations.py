"""A study whose runs are explained: a row a run, means over seeds, the section of the report."""

import csv
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy import stats

from g2p.core.errors import OptionError
from g2p.report.study.recovery_figure import recovery_picture, recovery_values
from g2p.stats.recovery import Recovered, arm_differences, arm_means
from tests.helpers.figures import drawn, points
from tests.helpers.studies import continue_study, plan_study, run_study

SPEC = """
question: Who finds more?
set: {data: simulated, phenotype: cu}
factors:
  model: {ridge: {model: ridge}, gbdt: {model: gbdt, model.trees: 30}}
seeds: [0, 1]
seed_keys: [data.seed]
explain: {strains: 10}
compare: [[ridge, gbdt]]
sizes: {laptop: {}}
"""


@pytest.mark.slow
def test_each_run_of_a_study_is_explained_once(tmp_path):
    done, folder = run_study(tmp_path / "a", SPEC, "seeds=0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("explaining run") == 2
    again, folder = continue_study(tmp_path / "a")
    assert again.stdout.count("explaining run") == 2  # those of the other seed
    with (folder / "explained.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["arm"], row["seed"]) for row in rows] == [
        ("ridge", "0"), ("ridge", "1"), ("gbdt", "0"), ("gbdt", "1"),
    ]  # fmt: skip
    for row in rows:
        run = tmp_path / "a" / "runs" / row["signature"] / "explain"
        truth = json.loads((run / "truth.json").read_text())
        assert float(row["recall"]) == pytest.approx(truth["recall"])
        assert float(row["fdr"]) == pytest.approx(truth["fdr"])
        assert len(json.loads((run / "explain.json").read_text())["background"]) == 10
        assert sum(float(row[name]) for name in ("additive", "pairwise", "higher")) == (
            pytest.approx(1)
        )
    page = (folder / "report.html").read_text()
    assert "What the models found" in page and "ridge → gbdt" in page
    assert (folder / "figures" / "recovery.csv").exists()
    assert "what the models found" in again.stdout


@pytest.mark.slow
def test_of_runs_of_which_validation_chose_one_that_is_explained(tmp_path):
    spec = """
set: {data: simulated, phenotype: cu}
factors:
  model: {shallow: {model: gbdt, model.leaves: 2}, deep: {model: gbdt, model.leaves: 8}}
  model.trees: [2, 30]
select: {model.trees: validation}
explain: {strains: 10}
sizes: {laptop: {}}
"""
    done, folder = run_study(tmp_path / "a", spec, "seeds=0")
    assert done.returncode == 0, done.stderr
    results = pq.read_table(folder / "results.parquet").to_pandas()
    counting = set(results[results["selected"]]["signature"])
    assert len(counting) < len(set(results["signature"]))
    explained = pd.read_csv(folder / "explained.csv")
    assert set(explained["signature"]) == counting and explained["settings"].isna().all()


@pytest.mark.slow
def test_collect_explains_nothing(tmp_path):
    done, folder = run_study(tmp_path / "a", SPEC, "--collect")
    assert done.returncode == 1  # no run is done
    assert "explaining" not in done.stdout and not (folder / "explained.csv").exists()


def test_options_of_an_explanation_are_checked_before_any_run():
    study = plan_study(factors={"optim.lr": [1e-3]}, explain=True)
    assert study.explain.strains == 500
    assert plan_study(factors={"optim.lr": [1e-3]}).explain is None
    with pytest.raises(OptionError, match="stains is not an option. Did you mean 'strains'"):
        plan_study(factors={"optim.lr": [1e-3]}, explain={"stains": 5})


def recovered(arm: str, seed: int, recall: float | None, fdr: float = 0.0) -> Recovered:
    return Recovered(arm, "", seed, f"{arm}{seed}", 3, recall, fdr, 9, 0.8, 0.2, 0.0, None)


ROWS = [
    *(recovered("a", seed, value) for seed, value in enumerate((0.2, 0.5, 0.3))),
    *(recovered("b", seed, value) for seed, value in enumerate((0.6, 0.7, 0.9))),
    recovered("b", 3, 0.1),
]


def test_means_and_differences_are_those_of_scipy():
    mean = arm_means(ROWS, "recall")["a", ""]
    expected = stats.t.interval(0.95, 2, loc=1 / 3, scale=stats.sem([0.2, 0.5, 0.3]))
    assert (mean.low, mean.high) == pytest.approx(expected)
    difference = arm_differences(ROWS, "recall", [("a", "b"), ("a", "c")])
    assert set(difference) == {("a", "b", "")}
    test = stats.ttest_rel([0.6, 0.7, 0.9], [0.2, 0.5, 0.3])
    assert difference["a", "b", ""].p == pytest.approx(test.pvalue)
    assert difference["a", "b", ""].n == 3  # the seeds that both have
    assert arm_means(ROWS, "published") == {}


def test_the_figure_shows_its_values_and_no_others():
    values = recovery_values(ROWS)
    figure = drawn(recovery_picture(ROWS))
    assert {x for x, *_ in points(figure)} == {row["value"] for row in values}
    assert recovery_picture([recovered("a", 0, None)._replace(fdr=None)]) is None
