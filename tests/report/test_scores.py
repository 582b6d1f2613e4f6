"""The table of scores against numpy on the results table."""

import csv
import io

import numpy as np
import pyarrow as pa
import pytest

from g2p.core.console import Console
from g2p.report.study.results_view import StudyData
from g2p.report.study.scores import score_rows
from g2p.report.study.scores_text import print_scores, read_scores
from tests.helpers import study_tables as studies
from tests.helpers.study_reports import Page, write_page


def with_pearson(table: pa.Table) -> pa.Table:
    r = np.sqrt(table["r2"].to_numpy(zero_copy_only=False)) + 0.01
    return table.append_column("pearson", pa.array(r))


def test_scores_are_means_and_errors_over_seeds(tmp_path):
    points = [{"model": "a"}, {"model": "b", "gain": 0.1}]
    table = with_pearson(studies.results(points, ["30C", "cu", "li"], seeds=range(5)))
    shown = Page(write_page(tmp_path, table, "model", figures=False)).text
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = {(row["model"], row["phenotype"]): row for row in csv.DictReader(file)}
    assert len(rows) == 2 * 4
    test = [row for row in table.to_pylist() if row["split"] == "test"]
    for model in "ab":
        for column, prefix in (("r2", "r2"), ("pearson", "r")):
            by_phenotype = np.array([
                [r[column] for r in test if (r["model"], r["phenotype"]) == (model, name)]
                for name in ("30C", "cu", "li")
            ])  # fmt: skip
            for name, scores in zip(("30C", "cu", "li"), by_phenotype, strict=True):
                row = rows[model, name]
                assert float(row[f"{prefix}_mean"]) == pytest.approx(scores.mean())
                assert float(row[f"{prefix}_se"]) == pytest.approx(scores.std(ddof=1) / 5**0.5)
            over_phenotypes = by_phenotype.mean(0)  # of each seed
            row = rows[model, ""]
            assert float(row[f"{prefix}_mean"]) == pytest.approx(over_phenotypes.mean())
            error = over_phenotypes.std(ddof=1) / 5**0.5
            assert float(row[f"{prefix}_se"]) == pytest.approx(error)
            assert (row["phenotypes"], row["runs"]) == ("3", "5")
        row = {key: float(rows[model, "cu"][key]) for key in ("r2_mean", "r2_se", "r_mean")}
        assert f"{row['r2_mean']:.4f} ± {row['r2_se']:.4f}, r {row['r_mean']:.3f}" in shown
    assert "mean of 3 phenotypes" in shown


def test_each_setting_of_an_arm_has_its_scores():
    data = StudyData(studies.layers(), "model", ["model", "model.num_layers"])
    rows = score_rows(data)
    assert len(rows) == 13 * 3  # two phenotypes and their mean
    assert {row["runs"] for row in rows} == {3}
    (row,) = (
        row for row in rows
        if (row["model"], row["model.num_layers"], row["phenotype"]) == ("transformer", "4", "cu")
    )  # fmt: skip
    r2 = [
        each["r2"] for each in data.rows
        if (each["model"], each["model.num_layers"], each["phenotype"]) == ("transformer", 4, "cu")
    ]  # fmt: skip
    assert row["r2_mean"] == pytest.approx(np.mean(r2))
    assert row["r2_se"] == pytest.approx(np.std(r2, ddof=1) / np.sqrt(3))
    assert row["r_mean"] is None  # this table has no column `pearson`


def test_the_best_arm_of_each_phenotype_is_highlighted(tmp_path):
    rows = studies.results([{"model": "a"}, {"model": "b"}], ["30C", "cu"], (0,)).to_pylist()
    for row in rows:
        row["r2"] = {"30C": 0.5, "cu": 0.4}[row["phenotype"]]
        if (row["model"], row["phenotype"]) in (("a", "30C"), ("b", "cu")):
            row["r2"] = 0.6125
    html = write_page(tmp_path, pa.Table.from_pylist(rows), "model", figures=False)
    scores = html.partition('aria-label="scores"')[2].partition("</table>")[0]
    assert scores.count('class="number changed">0.6125</td>') == 2
    assert scores.count("changed") - 2 == 1  # and the better mean over phenotypes


def test_without_a_result_no_scores_are_left(tmp_path):
    points = [{"model": "ridge"}, {"model": "b"}]
    write_page(tmp_path, studies.results(points, ["30C"]), "model", figures=False)
    assert (tmp_path / "scores.csv").exists()
    pending = [point | {"status": "pending"} for point in points]
    write_page(tmp_path, studies.results(pending, ["30C"]), "model", figures=False)
    assert not (tmp_path / "scores.csv").exists()


def test_scores_fit_eighty_columns(tmp_path):
    write_page(tmp_path, with_pearson(studies.plateaus()), "rung", figures=False)
    rows = read_scores(tmp_path / "scores.csv")
    output = io.StringIO()
    print_scores(rows, Console(file=output, width=80))
    lines = output.getvalue().splitlines()
    table = [line for line in lines if not line.startswith("Updates")]
    assert max(map(len, table)) <= 80
    assert "test R2 on li" in lines[0]
    (line,) = (line for line in table if "layer norm" in line)
    (row,) = (row for row in rows if row["rung"] == "layer norm")
    assert f"{float(row['r2_mean']):.4f}" in line and f"{float(row['r2_se']):.4f}" in line
    assert f"{float(row['escape_updates']):,.0f} (5 of 5)" in line
    escapes = [
        each["escape_updates"] for each in studies.plateaus().to_pylist()
        if each["rung"] == "layer norm" and each["split"] == "test"
    ]  # fmt: skip
    assert float(row["escape_updates"]) == np.median(escapes)
    (line,) = (line for line in table if "bottom" in line)
    assert "– (1 of 5)" in line  # no median within the budget
    (line,) = (line for line in table if "pairs" in line)
    assert line.rstrip("│ ").endswith(f"{float(rows[-1]['r_mean']):.4f}")  # a closed form


def test_the_mean_over_phenotypes_or_a_phenotype_of_every_arm_is_printed(tmp_path):
    table = studies.results([{"model": "a"}, {"model": "b"}], ["30C", "cu"], (0,))
    for missing, title in ((None, "mean test R2 of 2 phenotypes"), ("30C", "test R2 on cu")):
        rows = [
            row for row in table.to_pylist() if (row["model"], row["phenotype"]) != ("b", missing)
        ]
        write_page(tmp_path, pa.Table.from_pylist(rows), "model", figures=False)
        output = io.StringIO()
        print_scores(read_scores(tmp_path / "scores.csv"), Console(file=output, width=80))
        assert output.getvalue().splitlines()[0].strip() == title
    output = io.StringIO()
    print_scores(read_scores(tmp_path / "absent.csv"), Console(file=output, width=80))
    assert output.getvalue() == ""
