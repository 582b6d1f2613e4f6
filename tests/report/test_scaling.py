"""Curves against strains: what the figure draws, the tables below it, the published points."""

import csv

import numpy as np
import pytest

from g2p.report.study.figure_files import write_figure
from g2p.report.study.published_results import FOLDER, epik_curve
from g2p.report.study.results_view import StudyData
from g2p.report.study.scaling_figure import scaling_picture
from g2p.stats.crossing import CurvePair, find_crossings
from g2p.stats.crossing_table import COLUMNS, crossing_cells, crossing_rows
from tests.helpers import study_tables as studies
from tests.helpers.figures import check_figure, drawn, rows_of
from tests.helpers.study_reports import Page, write_page

FACTORS = ["model", "split.n_train"]
PAIR = CurvePair("split.n_train", "model", "ridge", "transformer")


def crossings(table):
    return find_crossings([r for r in table.to_pylist() if r["split"] == "test"], [PAIR])


def test_every_value_is_drawn_and_in_the_csv(tmp_path):
    table = studies.scaling()
    picture = scaling_picture(StudyData(table, "model", FACTORS), epik_curve())
    write_figure(picture, tmp_path)
    rows = rows_of(tmp_path / "r2_by_n_train.csv")
    figure = picture.figure()
    check_figure(figure, picture.name, rows)
    assert [axes.get_xscale() for axes in figure.axes] == ["log", "log"]
    assert [axes.get_title() for axes in drawn(picture).axes] == ["", "from 1,000 strains on"]
    for model in ("ridge", "transformer"):
        for n in (100, 14000):
            r2 = [
                row["r2"] for row in table.to_pylist()
                if (row["model"], row["split.n_train"], row["split"]) == (model, n, "test")
            ]  # fmt: skip
            at = {
                row["kind"]: row["test_r2"] for row in rows
                if (row["line"], row["split.n_train"]) == (model, n)
            }  # fmt: skip
            error = np.std(r2, ddof=1) / 2
            assert at["mean"] == pytest.approx(np.mean(r2))
            assert at["interval_low"] == pytest.approx(np.mean(r2) - error)
            assert at["interval_high"] == pytest.approx(np.mean(r2) + error)


def test_published_points_are_the_files_from_a_thousand_strains_on():
    lines = (FOLDER / "epik_bbq_li.csv").read_text().splitlines()
    published = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    picture = scaling_picture(StudyData(studies.scaling(), "model", FACTORS), epik_curve())
    shown = {
        (row["line"], row["split.n_train"], row["kind"]): row["test_r2"]
        for row in picture.values if row["line"].startswith("EpiK")
    }  # fmt: skip
    assert len(shown) == 4 * 15 * 3
    for row in published:
        key = f"EpiK, {row['model'].lower()}", int(row["n_train"])
        if key[1] < 1000:
            assert (*key, "published") not in shown
            continue
        error = float(row["r2_sd"]) / 3**0.5
        assert shown[*key, "published"] == float(row["r2_mean"])
        assert shown[*key, "published_low"] == pytest.approx(float(row["r2_mean"]) - error)
        assert shown[*key, "published_high"] == pytest.approx(float(row["r2_mean"]) + error)
    assert "EpiK's Gaussian processes (Zhou et al. 2025)" in picture.caption
    assert "Grey" not in scaling_picture(StudyData(studies.scaling(), "model", FACTORS)).caption


def test_of_several_phenotypes_the_mean_is_drawn(tmp_path):
    table = studies.scaling(["li", "cu"])
    picture = scaling_picture(StudyData(table, "model", FACTORS))
    assert {row["kind"] for row in picture.values} == {"mean", "interval_low", "interval_high"}
    assert "mean over 2 phenotypes." in picture.caption
    r2 = [
        row["r2"] for row in table.to_pylist()
        if (row["model"], row["split.n_train"], row["split"]) == ("ridge", 300, "test")
    ]  # fmt: skip
    (mean,) = (
        row["test_r2"] for row in picture.values
        if (row["kind"], row["line"], row["split.n_train"]) == ("mean", "ridge", 300)
    )  # fmt: skip
    assert mean == pytest.approx(np.mean(r2))


@pytest.mark.slow
def test_the_page_has_the_table_of_the_curves_and_of_their_crossings(tmp_path):
    table = studies.scaling()
    (crossing,) = crossings(table)
    html = write_page(
        tmp_path, table, "model", factors=FACTORS, crossings=[crossing],
        published_curve=epik_curve(),
    )  # fmt: skip
    text = Page(html).text
    assert 500 < crossing.low <= crossing.at <= crossing.high < 2000
    for cell in crossing_cells(crossing):
        assert cell in text
    assert crossing_cells(crossing)[0] == "transformer over ridge"
    r2 = np.array([
        [
            row["r2"] for row in table.to_pylist()
            if (row["model"], row["split.n_train"], row["split"]) == ("ridge", n, "test")
        ]
        for n in (100, 300, 1000, 3000, 7000, 14000)
    ])  # fmt: skip
    means, errors = r2.mean(axis=1), r2.std(axis=1, ddof=1) / 2
    cells = (f"{mean:.3f} ± {error:.3f}" for mean, error in zip(means, errors, strict=True))
    assert f"ridge{''.join(cells)}" in text
    assert "test R2 at1003001,0003,0007,00014,000" in "".join(text.splitlines())
    one = table.filter([n == 100 for n in table["split.n_train"].to_pylist()])
    assert "Curves" not in Page(write_page(tmp_path, one, "model", factors=FACTORS)).text
    assert not (tmp_path / "figures" / "r2_by_n_train.csv").exists()


def test_texts_of_crossings_outside_of_the_values():
    rows = [row for row in studies.scaling().to_pylist() if row["split"] == "test"]
    beyond, before, some = (
        find_crossings([r for r in rows if low <= r["split.n_train"] <= high], [PAIR])[0]
        for low, high in ((100, 300), (3000, 14000), (1, 0))
    )
    assert crossing_cells(beyond)[1:] == ["above 300", "–", "0%", "0%", "100%", "4"]
    assert crossing_cells(before)[1:] == ["below 3,000", "–", "0%", "100%", "0%", "4"]
    assert crossing_cells(some)[1:] == ["–", "–", "–", "–", "–", "0"]
    (row,) = crossing_rows([beyond])
    assert tuple(row) == COLUMNS
    assert (row["at"], row["low"], row["behind"]) == (float("inf"), None, 1.0)
