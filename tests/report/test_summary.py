"""A study's summary in sentences, and the arms, means and leads that it is made from."""

import re
from dataclasses import replace
from statistics import fmean

import pyarrow as pa
import pytest

from g2p.report.study.arms_section import share_of_ceiling
from g2p.report.study.results_view import COMBINATION, StudyData, combine_factors
from g2p.report.study.summary_text import summary
from g2p.stats.compare import Comparison
from tests.helpers import study_tables as studies
from tests.helpers.study_reports import effect


def test_a_run_that_has_no_signature_or_phenotype_yet_is_one_run():
    table = studies.results(
        [{"model": "ridge"}, {"model": "x", "status": "pending"}], ["30C"], (0,)
    )
    rows = table.to_pylist()
    for row in rows:
        if row["model"] == "x":
            row |= {"signature": None, "phenotype": None, "split": None}
    data = StudyData(pa.Table.from_pylist(rows), "model", ["model"])
    assert data.counts == {"done": 1, "running": 0, "pending": 1, "failed": 0}


def test_arms_are_ranked_over_the_phenotypes_that_all_have():
    table = studies.results([{"model": "a"}, {"model": "b", "gain": 0.1}], ["easy", "hard"], (0, 1))
    rows = [r for r in table.to_pylist() if (r["model"], r["phenotype"]) != ("b", "hard")]
    data = StudyData(pa.Table.from_pylist(rows), "model", ["model"])
    assert data.phenotypes == ["easy", "hard"] and data.compared == ["easy"]
    for arm in "ab":
        arm_r2 = [
            row["r2"] for row in rows
            if row["model"] == arm and row["phenotype"] == "easy" and row["split"] == "test"
        ]  # fmt: skip
        assert len(arm_r2) == 2 and data.means[arm] == pytest.approx(fmean(arm_r2))
    assert list(data.means) == ["b", "a"]
    assert "on easy, which every arm has. " in summary(data, [])[1]
    waiting = table.append_column("x", table["seed"]).to_pylist()[0] | {"status": "pending"}
    waiting |= {"seed": 9, "signature": "9", "r2": None}
    data = StudyData(pa.Table.from_pylist([*rows, waiting]), "model", ["model"])
    assert "on easy, which every arm has so far. " in summary(data, [])[1]


def test_an_arm_of_several_compared_factors_is_their_combination():
    points = [
        {"model.skip": skip, "model.ffn": ffn, "model.num_layers": n, "gain": skip + n}
        for skip in (False, True) for ffn in (False, True) for n in (1, 2)
    ]  # fmt: skip
    table = studies.results(points, ["30C"], (0, 1))
    table_with_arms = combine_factors(table, ["model.skip", "model.ffn"])
    data = StudyData(table_with_arms, COMBINATION, [*points[0]][:3])
    assert data.arms == ["none", "ffn", "skip", "skip, ffn"]
    assert data.varying == ["model.num_layers"]
    by_hand = [r["r2"] for r in table.to_pylist()
               if r["model.skip"] and not r["model.ffn"] and r["split"] == "test"]  # fmt: skip
    assert len(by_hand) == 4 and data.means["skip"] == pytest.approx(fmean(by_hand))
    table_with_arms = combine_factors(table, ["model.num_layers", "model.ffn"])
    assert table_with_arms[COMBINATION].unique().to_pylist()[:2] == ["num_layers 1", "num_layers 2"]
    alike = combine_factors(table.rename_columns(
        ["optim.skip" if name == "model.num_layers" else name for name in table.column_names]
    ), ["model.skip", "optim.skip"])  # fmt: skip
    assert alike[COMBINATION][0].as_py() == "optim.skip 1"


def test_the_lead_of_the_best_arm_has_its_interval_in_either_direction():
    table = studies.results([{"model": "a", "gain": 0.1}, {"model": "b"}], ["30C", "cu"])
    data = StudyData(table, "model", ["model"])
    forth = summary(data, [effect("b", "a", 0.1, 0.0912, 0.1134, 0.01)])[1]
    back = summary(data, [effect("a", "b", -0.1, -0.1134, -0.0912, 0.01)])[1]
    assert forth == back and "+0.0912 to +0.1134" in forth and "model=a" in forth
    at_a_level = effect("b", "a", 0.1, 0.09, 0.11)
    at_a_level = replace(at_a_level, comparison=replace(at_a_level.comparison, within="x", level=1))
    assert summary(data, [at_a_level])[1] == summary(data, [])[1]  # not of the lead over all
    unsure = summary(data, [effect("b", "a", 0.1, -0.01, 0.3)])[1]
    assert "do not differ significantly" in unsure and "significantly" not in forth
    without_effect = summary(data, [])[1]  # not among the study's comparisons
    low, high = map(float, re.search(r"([+-][\d.]+) to ([+-][\d.]+\d)", without_effect).groups())
    lead = float(re.search(r"([\d.]+) less", without_effect)[1])
    assert low <= lead <= high and low > 0.08


def test_the_lead_says_what_is_paired_and_when_its_interval_is_too_narrow():
    """Three panels of one phenotype and seed: p of three pairs is 0.25 at best."""
    points = [{"model": model, "data.seed": seed, "gain": 0.1 * (model == "b") + seed / 20}
              for model in "ab" for seed in (0, 1, 2)]  # fmt: skip
    table = studies.results(points, ["30C"], seeds=(0,))
    text = summary(StudyData(table, "model", ["model", "data.seed"]), [])[1]
    low = float(re.search(r"interval is ([+-][\d.]+) to", text)[1])
    assert low > 0 and "paired by phenotype, seed, data.seed, the lead's" in text
    assert "but p is 0.25:" in text and text.endswith("these two do not differ significantly.")


def test_settings_are_no_pairs_of_the_lead():
    """More or fewer strains: one arm may be ahead with few and another with many."""
    points = [{"model": model, "split.n_train": n, "gain": 0.1 * (model == "b") + n / 10_000}
              for model in "ab" for n in (100, 300, 1000)]  # fmt: skip
    table = studies.results(points, ["30C"], seeds=(0, 1))
    text = summary(StudyData(table, "model", ["model", "split.n_train"]), [])[1]
    assert "on 30C, over all values of split.n_train. Next is a" in text
    assert text.endswith(" less; which is ahead may differ between these values.")


def test_steps_as_text():
    table = studies.results([{"model": "a", "gain": 0.1}, {"model": "b"}], ["30C"])
    data = StudyData(table, "model", ["model"])
    up, no = effect("b", "a", 0.1, 0.08, 0.12, 0.001), effect("a", "c", 0.0, -0.1, 0.1)
    other = replace(up, comparison=Comparison("model.skip", False, True), mean=-0.1)
    text = summary(data, [up, no, other])[2]
    assert text == (
        "Of 3 comparisons, 2 are significant after Holm's correction "
        "(up: model: b → a. down: model.skip: False → True)."
    )


def test_the_share_of_the_noise_ceiling_is_of_the_phenotypes_that_have_one():
    rows = studies.results([{"model": "a"}, {"model": "b"}], ["30C", "cu"], (0, 1)).to_pylist()
    for row in rows:
        row["noise_ceiling"] = {"30C": 0.6, "cu": 0.0}[row["phenotype"]]
        row["r2"] = {"a": 0.3, "b": 0.45}[row["model"]]
    shares = share_of_ceiling(StudyData(pa.Table.from_pylist(rows), "model", ["model"]))
    assert shares == {"a": pytest.approx(0.5), "b": pytest.approx(0.75)}
