"""The staircase of a ladder or an ablation: its values against numpy on the results table."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from g2p.report.study.figure_files import write_figure
from g2p.report.study.layout import NO_VALUE
from g2p.report.study.results_view import StudyData
from g2p.report.study.staircase_figure import staircase_picture
from g2p.stats.compare import Comparison, compare
from tests.helpers import study_tables as studies
from tests.helpers.figures import check_figure, drawn, points, rows_of


def ladder_effects(table: pa.Table):
    return studies.steps(table.filter(pc.not_equal(table["rung"], "pairs")), "rung")


@pytest.fixture(scope="module")
def plateaus():
    """The table of a ladder of one phenotype, and its figure."""
    table = studies.plateaus()
    data = StudyData(table, "rung", ["rung"])
    return table, staircase_picture(data, ladder_effects(table), {"pairs"})


def cells(picture, kind: str, arm: str | None) -> list[float]:
    return [row["value"] for row in picture.values if (row["kind"], row["arm"]) == (kind, arm)]


def test_means_errors_and_changes_agree_with_the_table(plateaus):
    table, picture = plateaus
    rows = [row for row in table.to_pylist() if row["split"] == "test"]
    before = None
    for arm in dict.fromkeys(row["rung"] for row in rows if row["rung"] != "pairs"):
        r2 = np.array([row["r2"] for row in rows if row["rung"] == arm])
        error = r2.std(ddof=1) / np.sqrt(len(r2))
        assert cells(picture, "replicate", arm) == r2.tolist()
        assert cells(picture, "mean", arm) == [pytest.approx(r2.mean())]
        assert cells(picture, "interval_low", arm) == [pytest.approx(r2.mean() - error)]
        assert cells(picture, "interval_high", arm) == [pytest.approx(r2.mean() + error)]
        (row,) = (r for r in picture.values if (r["kind"], r["arm"]) == ("mean", arm))
        if before is not None:
            assert row["change_in_test_r2"] == pytest.approx((r2 - before).mean())
        before = r2
    assert cells(picture, "mean", "pairs") == []  # a line beside the steps
    pairs = [row["r2"] for row in rows if row["rung"] == "pairs"]
    assert cells(picture, "reference", "pairs") == [pytest.approx(np.mean(pairs))]
    ridge = [row["ridge_r2"] for row in rows if row["rung"] == "bottom"]  # one a split
    assert cells(picture, "reference", "ridge") == [pytest.approx(np.mean(ridge))]


def test_updates_to_escape_agree_with_the_table(plateaus):
    """All runs are censored at one budget, so quartiles are order statistics of all runs."""
    table, picture = plateaus
    rows = [row for row in table.to_pylist() if row["split"] == "test" and row["updates"]]
    for arm in dict.fromkeys(row["rung"] for row in rows):
        escapes = [row["escape_updates"] for row in rows if row["rung"] == arm]
        times = sorted(np.inf if time is None else time for time in escapes)
        expected = {"quartile_low": times[1], "median": times[2], "quartile_high": times[3]}
        for kind, value in expected.items():
            assert cells(picture, kind, arm) == [value] * bool(np.isfinite(value))
        assert cells(picture, "beyond", arm) == [12000] * bool(np.isinf(times[2]))
        assert cells(picture, "escape", arm) == [time for time in escapes if time is not None]
        assert cells(picture, "censored", arm) == [12000] * escapes.count(None)
    assert cells(picture, "budget", None) == [12000]
    assert cells(picture, "beyond", "bottom")


def test_every_value_is_drawn_at_its_step(plateaus, tmp_path):
    _, picture = plateaus
    write_figure(picture, tmp_path)
    rows = rows_of(tmp_path / "staircase.csv")
    order = list(dict.fromkeys(row["arm"] for row in rows if row["kind"] == "mean"))
    figure = drawn(picture)
    check_figure(figure, "staircase", rows)
    at = {(x, y) for x, y, _ in points(figure)}
    for row in rows:
        if row["kind"] not in ("reference", "budget", "beyond"):
            assert (order.index(row["arm"]), row["value"]) in at
    arrows = [line.get_xdata()[0] for line in figure.axes[1].lines if line.get_gid() == NO_VALUE]
    assert arrows == [order.index(row["arm"]) for row in rows if row["kind"] == "beyond"]
    axes = drawn(picture).axes[0]
    changes = [text.get_text().split()[0] for text in axes.texts]
    means = [row for row in rows if row["kind"] == "mean"]
    assert changes == [f"{row['change_in_test_r2']:+z.3f}" for row in means[1:]]


def test_an_ablation_starts_at_its_whole_model():
    points_ = [{"without": name, "gain": -0.02 * i} for i, name in enumerate(("nothing", "a", "b"))]
    table = studies.results(points_, ["30C", "cu"])
    effects = compare(table, [Comparison("without", "nothing", name) for name in "ab"])
    picture = staircase_picture(StudyData(table, "without", ["without"]), effects, set())
    assert "the change from nothing" in picture.caption
    figure = drawn(picture)
    assert len(figure.axes) == 1  # no run of this table has an escape
    start, lower = (cells(picture, "mean", name)[0] for name in ("nothing", "b"))
    assert any(
        list(line.get_xdata()) == [2, 2] and list(line.get_ydata()) == [start, lower]
        for line in figure.axes[0].lines
    )
    r2 = [
        np.mean([row["r2"] for row in table.to_pylist() if row["split"] == "test"
                 and (row["without"], row["seed"]) == ("b", seed)])
        for seed in (0, 1, 2)
    ]  # fmt: skip
    assert cells(picture, "replicate", "b") == pytest.approx(r2)  # over both phenotypes


def test_a_ladder_under_way_has_the_steps_that_are_done():
    rows = studies.plateaus().to_pylist()
    for row in rows:
        if row["rung"] in ("width", "optimizer") or (row["rung"], row["seed"]) == ("heads", 1):
            row |= {"status": "pending", "r2": None, "updates": None, "escape_updates": None}
    table = pa.Table.from_pylist(rows)
    data = StudyData(table, "rung", ["rung"])
    picture = staircase_picture(data, ladder_effects(table), {"pairs"})
    assert "Arms have 4 to 5 runs so far" in picture.caption
    figure = drawn(picture)
    assert len(figure.axes[1].get_xticklabels()) == 12
    stairs = [line.get_xdata() for line in figure.axes[0].lines if len(line.get_xdata()) > 3
              and line.get_linestyle() == "-"]  # fmt: skip
    assert [(x[0], x[-1]) for x in stairs] == [(-0.5, 2.5), (3.5, 10.5)]


def test_the_caption_says_where_changes_are_over_more_phenotypes():
    rows = [
        row for row in studies.ladder(["30C", "cu"], (0, 1)).to_pylist()
        if (row["rung"], row["phenotype"]) != ("bottom", "cu")
    ]  # fmt: skip
    data = StudyData(table := pa.Table.from_pylist(rows), "rung", ["rung"])
    picture = staircase_picture(data, studies.steps(table, "rung"), set())
    assert "on 30C, the one that every arm has" in picture.caption
    assert "It is over all phenotypes that both arms have." in picture.caption


def test_other_studies_have_no_staircase():
    table = studies.results([{"model": name} for name in ("ridge", "b", "c")], ["30C"])
    data = StudyData(table, "model", ["model"])
    for pairs, baselines in (
        ([("ridge", "b"), ("ridge", "c")], {"ridge"}),  # no ablation of a network
        ([("ridge", "b")], set()),
        ([("ridge", "b"), ("c", "b"), ("ridge", "c")], set()),
    ):
        effects = compare(table, [Comparison("model", a, b) for a, b in pairs])
        assert staircase_picture(data, effects, baselines) is None
