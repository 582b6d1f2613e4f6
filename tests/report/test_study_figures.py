"""A study's figures: what they show, and that no text in them overlaps."""

import itertools
from statistics import fmean

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.text import Text

from g2p.report.study.cost_figure import costs
from g2p.report.study.curves import factor_picture
from g2p.report.study.figures import pictures
from g2p.report.study.layout import COLOURS, MARKERS, NO_VALUE, WIDTH, style
from g2p.report.study.learning_figure import learning_curves_picture
from g2p.report.study.published_results import Published, epik_curve
from g2p.report.study.results_view import StudyData
from g2p.runs.directory import RunDirectory
from tests.helpers import study_tables as studies
from tests.helpers.figures import drawn


def test_costs_are_shared_by_the_phenotypes_of_a_run_where_runs_differ_in_that():
    several = studies.results([{"model": "many"}], ["30C", "cu"], (0,))
    single = studies.results([{"model": "one"}, {"model": "one"}], ["30C"], (0,))
    rows = [row | {"signature": f"s{row['signature']}"} for row in single.to_pylist()]
    data = StudyData(pa.Table.from_pylist(several.to_pylist() + rows), "model", ["model"])
    assert costs(data, "seconds") == {"many": 30.0, "one": 90.0}
    assert costs(data, "num_parameters") == {"many": 2000.0, "one": 4000.0}


def test_r2_by_phenotype_has_every_run_the_means_and_what_was_published():
    table = studies.results([{"model": "ridge"}, {"model": "new"}], ["30C", "cu"], (0, 1, 2))
    data = StudyData(table, "model", ["model"])
    published = Published("linear", "ridge", "a paper", {"30C": 0.571, "zinc": 0.3}, {})
    strange = Published("other", None, "another", {"zinc": 0.3}, {})
    picture, *_ = pictures(data, [], {}, [published, strange])
    assert "a paper" in picture.caption and "another" not in picture.caption
    (axes,) = drawn(picture).axes
    heights = [y for line in axes.lines for y in line.get_ydata()]
    test = [row for row in table.to_pylist() if row["split"] == "test"]
    expected = [row["r2"] for row in test] + [0.571]
    for model, name in itertools.product(("ridge", "new"), ("30C", "cu")):
        mine = [r for r in test if (r["model"], r["phenotype"]) == (model, name)]
        expected.append(fmean(row["r2"] for row in mine))
    for row in test:
        expected += [row["noise_ceiling"], row["ridge_r2"]]
    for value in expected:
        assert min(abs(value - height) for height in heights) < 1e-12


def test_a_diverged_run_does_not_flatten_the_others():
    table = studies.results([{"model": "a"}, {"model": "b", "gain": -50.0}], ["30C"], (0, 1))
    picture, *_ = pictures(StudyData(table, "model", ["model"]), [], {}, [])
    assert "2 runs are below the axis, marked by an arrow: R2 down to -49" in picture.caption
    (axes,) = drawn(picture).axes
    low, high = axes.get_ylim()
    assert low > -0.4 and high < 1
    assert sum(line.get_gid() == NO_VALUE for line in axes.lines) == 2  # an arrow each
    assert min(row["test_r2"] for row in picture.values) < -49


def test_no_values_and_all_values_are_at_the_ends_of_the_transfer_curve():
    data = StudyData(studies.transfer(), "model", ["model", "transfer.observations"])
    (axes,) = drawn(factor_picture(data, "transfer.observations")).axes
    ticks = {label.get_text(): label.get_position()[0] for label in axes.get_xticklabels()}
    assert sorted(ticks, key=ticks.get) == list(
        map(str, [0, 10, 20, 50, 100, 200, 500, 1000, 2000, "all"])
    )
    assert axes.get_xscale() == "log" and (ticks["10"], ticks["2000"]) == (10, 2000)


def test_learning_curves_take_turns_and_bear_runs_that_have_none(tmp_path):
    table = studies.results([{"model": m} for m in "abc"], ["30C"], seeds=range(25))
    data = StudyData(table, "model", ["model"])
    directories = studies.write_histories(table, tmp_path, epochs=4)
    first, second = list(directories.values())[:2]
    (first / "history.parquet").unlink()
    (second / "history.parquet").write_bytes(b"half a file")
    picture = learning_curves_picture(data, directories)
    assert "60 of 75 runs" in picture.caption
    assert [len(axes.lines) for axes in drawn(picture).axes] == [19, 21, 20]
    history = pq.read_table(directories["0000010c"] / "history.parquet")["val_r2_mean"].to_pylist()
    assert any(list(line.get_ydata()) == history for line in drawn(picture).axes[1].lines)
    assert learning_curves_picture(data, {}) is None


def test_closed_forms_have_no_learning_curve(tmp_path):
    table = studies.results([{"model": m} for m in ("net", "ridge", "gbdt")], ["30C"], (0, 1))
    data = StudyData(table, "model", ["model"])
    directories = studies.write_histories(table, tmp_path, epochs=4)
    for run in data.runs:
        if run.arm != "net":
            epochs = [{"epoch": 0, "val_r2_mean": 0.5}] if run.arm == "ridge" else []
            RunDirectory(directories[run.key]).write_history(epochs)
    picture = learning_curves_picture(data, directories)
    assert {row["arm"] for row in picture.values} == {"net"}
    without = picture.caption.partition("Without a curve, as closed forms are: ")[2]
    assert sorted(without.partition(".")[0].split(", ")) == ["gbdt", "ridge"]
    assert [axes.get_title() for axes in drawn(picture).axes] == ["net"]


def test_arms_differ_without_colour_up_to_the_number_of_markers():
    styles = [style(i) for i in range(56)]
    assert len({(one["color"], one["marker"]) for one in styles}) == 56
    assert len({one["marker"] for one in styles[: len(MARKERS)]}) == len(MARKERS)
    assert len({one["color"] for one in styles[: len(COLOURS)]}) == len(COLOURS)


STUDIES = {
    "ladder": (lambda: studies.ladder(seeds=(0,)), "rung"),
    "plateaus": (studies.plateaus, "rung"),
    "wild": (studies.wild, "arm"),
    "layers": (studies.layers, "model"),
    "transfer": (studies.transfer, "model"),
    "scaling": (studies.scaling, "model"),
    "equally costly": (studies.alike, "model"),
}


@pytest.mark.parametrize("name", STUDIES)
def test_no_text_of_a_figure_overlaps_or_is_cut(name, tmp_path):
    make, arm = STUDIES[name]
    table = make()
    names = ("model.num_layers", "transfer.observations", "split.n_train")
    factors = [name for name in names if name in table.column_names]
    data = StudyData(table, arm, factors)
    directories = studies.write_histories(table, tmp_path, epochs=2)
    effects = studies.steps(table, arm) if name in ("ladder", "plateaus", "wild") else []
    published = [Published("linear", None, "a paper", {"30C": 0.5}, {})]
    curve = epik_curve()
    for picture in pictures(data, effects, directories, published, published_curve=curve):
        figure = drawn(picture)
        assert figure.get_figwidth() <= WIDTH
        boxes = dict(texts(figure))
        for (a, box_a), (b, box_b) in itertools.combinations(boxes.items(), 2):
            overlap = box_a.overlaps(box_b)
            assert not overlap, f"{picture.name}: {a.get_text()!r} and {b.get_text()!r}"
        for text, box in boxes.items():
            inside = figure.bbox.x0 <= box.x0 + 1 and box.x1 <= figure.bbox.x1 + 1
            assert inside, f"{picture.name}: {text.get_text()!r}"


def texts(figure):
    """The texts that a figure shows, with the pixels each covers, less one on every side."""
    renderer = figure.canvas.get_renderer()
    hidden = set()
    for axes in figure.axes:
        if not axes.get_visible():
            hidden.update(axes.findobj(Text))
        # Ticks beyond an axis' limits are kept, but not drawn.
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not min(limits) <= tick.get_loc() <= max(limits):
                    hidden.update((tick.label1, tick.label2))
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and text not in hidden:
            yield text, text.get_window_extent(renderer).padded(-1)
