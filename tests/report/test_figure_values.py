"""Every value that a study's figure draws is a cell of its CSV; raw points are the study's rows.

The rest is held against numpy on the results table.
"""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.text import Text

from g2p.report.study.cost_figure import cost, duration, find_baseline_arms
from g2p.report.study.curves import factor_picture
from g2p.report.study.figure_files import write_figure
from g2p.report.study.figures import pictures
from g2p.report.study.layout import NO_VALUE
from g2p.report.study.phenotype_figure import phenotype_picture
from g2p.report.study.published_results import Published
from g2p.report.study.results_view import StudyData, group_by
from g2p.stats.compare import Comparison, compare
from g2p.stats.effects_table import effects_table
from tests.helpers import study_tables as studies
from tests.helpers.figures import check_figure, check_rows, drawn, points, rows_of


def mixed() -> pa.Table:
    """Two models by layers, one without, several phenotypes and seeds, one run that diverged."""
    table = studies.layers().to_pylist()
    for row in table:
        if (row["signature"], row["phenotype"]) == ("00000300", "30C"):
            row["r2"] = -7.25
    return pa.Table.from_pylist(table)


@pytest.mark.slow
def test_what_artists_hold_is_in_the_csv_and_raw_points_are_the_studys_rows(tmp_path):
    table = mixed()
    data = StudyData(table, "model", ["model", "model.num_layers"])
    runs = studies.write_histories(table, tmp_path / "runs", epochs=3)
    effects = compare(
        table, [Comparison("model", "rijal_attention", "transformer", ("model.num_layers",))]
    )
    pq.write_table(table, tmp_path / "results.parquet")
    pq.write_table(effects_table(effects), tmp_path / "effects.parquet")
    published = [Published("linear", "ridge", "a paper", {"30C": 0.571}, {})]
    shown = pictures(data, effects, runs, published)
    assert [picture.name for picture in shown] == [
        "r2_by_phenotype", "effects", "r2_by_layers", "cost", "learning_curves"
    ]  # fmt: skip
    kinds = {}
    for picture in shown:
        write_figure(picture, tmp_path / "figures")
        rows = rows_of(tmp_path / "figures" / f"{picture.name}.csv")
        kinds[picture.name] = check_rows(picture.name, rows, tmp_path, tmp_path / "runs")
        check_figure(picture.figure(), picture.name, rows)
    # 13 points and 3 seeds, two phenotypes; ridge has no layers, so its runs are not by them.
    assert kinds["r2_by_phenotype"]["run"] == 13 * 3 * 2
    assert kinds["r2_by_layers"]["run"] == 12 * 3 * 2
    assert kinds["r2_by_layers"]["mean"] == kinds["r2_by_layers"]["interval_low"] == 13
    assert kinds["r2_by_phenotype"]["published"] == 1


def test_a_value_that_is_shifted_is_noticed(tmp_path):
    data = StudyData(studies.layers(), "model", ["model", "model.num_layers"])
    picture = factor_picture(data, "model.num_layers")
    write_figure(picture, tmp_path)
    rows = rows_of(tmp_path / "r2_by_layers.csv")
    figure = picture.figure()
    check_figure(figure, picture.name, rows)
    line = figure.axes[0].lines[-1]
    line.set_ydata(np.array(line.get_ydata()) + 1e-6)
    with pytest.raises(AssertionError, match="drawn, but in no cell"):
        check_figure(figure, picture.name, rows)
    moved = [row | {"test_r2": row["test_r2"] + (row["kind"] == "run") * 1e-9} for row in rows]
    pq.write_table(studies.layers(), tmp_path / "results.parquet")
    with pytest.raises(AssertionError):
        check_rows(picture.name, moved, tmp_path, tmp_path)


def test_values_stand_at_their_phenotype_and_factor_in_the_look_of_their_arm():
    data = StudyData(mixed(), "model", ["model", "model.num_layers"])
    by_name = drawn(phenotype_picture(data, []))
    curves = drawn(factor_picture(data, "model.num_layers"))
    looks = dict(zip(data.arms, ("#0072B2", "#E69F00", "#009E73"), strict=True))
    drawn_points = {(round(x), y, colour) for x, y, colour in points(by_name)}
    at = {(x, y, colour) for x, y, colour in points(curves)}
    assert len(data.rows) == 13 * 3 * 2
    for row in data.rows:
        colour = looks[row["model"]]
        assert (data.phenotypes.index(row["phenotype"]), row["r2"], colour) in drawn_points
        if row["model.num_layers"]:
            assert (row["model.num_layers"], row["r2"], colour) in at


def test_means_and_errors_agree_with_the_raw_values():
    """The mean over phenotypes, and its standard error over seeds: phenotypes add nothing to it."""
    table = mixed()
    data = StudyData(table, "model", ["model", "model.num_layers"])
    rows = [row for row in table.to_pylist() if row["split"] == "test"]
    values = factor_picture(data, "model.num_layers").values
    for model in ("transformer", "rijal_attention"):
        for n in range(1, 7):
            of = [r for r in rows if (r["model"], r["model.num_layers"]) == (model, n)]
            r2 = np.array([[r["r2"] for r in of if r["phenotype"] == p] for p in ("30C", "cu")])
            point = {
                row["kind"]: row["test_r2"] for row in values
                if (row["line"], row["model.num_layers"]) == (model, n)
            }  # fmt: skip
            error = r2.mean(0).std(ddof=1) / np.sqrt(3)
            assert point["mean"] == pytest.approx(r2.mean())
            assert point["interval_low"] == pytest.approx(r2.mean() - error)
            assert point["interval_high"] == pytest.approx(r2.mean() + error)


def test_means_by_phenotype_and_cost_have_their_errors():
    points_ = [{"model": "a"}, {"model": "b", "gain": 0.1}]
    table = studies.results(points_, ["30C", "cu"], seeds=range(4))
    data = StudyData(table, "model", ["model"])
    rows = [row for row in table.to_pylist() if row["split"] == "test"]
    by_phenotype, by_cost = phenotype_picture(data, []).values, cost(data).values
    for model in "ab":
        r2 = np.array([[r["r2"] for r in rows if (r["model"], r["phenotype"]) == (model, name)]
                       for name in ("30C", "cu")])  # fmt: skip
        for name, scores in zip(("30C", "cu"), r2, strict=True):
            error = scores.std(ddof=1) / 2
            point = {r["kind"]: r["test_r2"] for r in by_phenotype
                     if (r["arm"], r["phenotype"]) == (model, name)}  # fmt: skip
            assert point["interval_low"] == pytest.approx(scores.mean() - error)
            assert point["interval_high"] == pytest.approx(scores.mean() + error)
        error = r2.mean(0).std(ddof=1) / 2
        point = {r["kind"]: r["mean_test_r2"] for r in by_cost if r["arm"] == model}
        assert point["interval_high"] - point["mean"] == pytest.approx(error)


def test_settings_are_no_repeats_but_splits_are():
    """Layers are settings, so runs of an arm have no standard error; folds are repeats."""
    layers = StudyData(studies.layers(), "model", ["model", "model.num_layers"])
    assert layers.settings == ["model.num_layers"]
    assert not any(row["kind"] == "interval_low" for row in phenotype_picture(layers, []).values)
    points_ = [{"model": name, "split.fold": fold} for name in "ab" for fold in range(3)]
    folds = StudyData(studies.results(points_, ["30C"], (0,)), "model", ["model", "split.fold"])
    assert folds.settings == []
    points_ = [{"model": "a", "split.n_train": n, "split.seed": 0} for n in (100, 300)]
    factors = ["model", "split.n_train", "split.seed"]
    curve = StudyData(studies.results(points_, ["30C"], (0,)), "model", factors)
    assert curve.settings == ["split.n_train"]
    r2 = [row["r2"] for row in folds.rows if row["model"] == "a"]
    (low,) = (row["test_r2"] for row in phenotype_picture(folds, []).values
              if (row["kind"], row["arm"]) == ("interval_low", "a"))  # fmt: skip
    assert low == pytest.approx(np.mean(r2) - np.std(r2, ddof=1) / np.sqrt(3))


@pytest.mark.parametrize("tried", [False, True])
def test_a_rate_that_validation_chose_makes_no_line(tried):
    """Four layers were best at another rate; where all rates stand, each has a line."""
    rates = {1: 3e-3, 2: 3e-3, 3: 3e-3, 4: 1e-3}
    points_ = [
        {"model": "transformer", "model.num_layers": n, "optim.lr": lr}
        for n, best in rates.items() for lr in (1e-3, 3e-3) if tried or lr == best
    ]  # fmt: skip
    table = studies.results(points_, ["30C"], (0, 1))
    factors = ["model", "model.num_layers", "optim.lr"]
    data = StudyData(table, "model", factors, chosen=[] if tried else ["optim.lr"])
    picture = factor_picture(data, "model.num_layers")
    lines = {row["line"] for row in picture.values if row["kind"] == "mean"}
    by_rate = {"transformer, optim.lr 0.001", "transformer, optim.lr 0.003"}
    assert lines == (by_rate if tried else {"transformer"})


def test_a_mean_over_phenotypes_is_of_the_same_ones_at_every_point():
    rows = [
        row for row in studies.layers().to_pylist()
        if (row["model"], row["model.num_layers"], row["phenotype"]) != ("transformer", 4, "cu")
    ]  # fmt: skip
    data = StudyData(pa.Table.from_pylist(rows), "model", ["model", "model.num_layers"])
    picture = factor_picture(data, "model.num_layers")
    assert "the mean over 1 phenotype of 2, those that every point has" in picture.caption
    means = [row for row in picture.values if row["kind"] == "mean"]
    assert {row["phenotypes"] for row in means} == {1}
    test = [r for r in data.rows if r["phenotype"] == "30C" and r["model"] == "ridge"]
    assert means[-1]["test_r2"] == pytest.approx(np.mean([r["r2"] for r in test]))


def test_the_epsilon_figure_has_the_ceiling_at_each_epsilon():
    points_ = [{"model": m, "data.epsilon": e} for m in ("ridge", "new") for e in (0.0, 0.5, 1.0)]
    rows = studies.results(points_, ["30C"], (0, 1)).to_pylist()
    for row in rows:
        row["noise_ceiling"] = 0.9 - row["data.epsilon"] / 10
    data = StudyData(pa.Table.from_pylist(rows), "model", ["model", "data.epsilon"])
    picture = factor_picture(data, "data.epsilon")
    ceiling = {
        row["data.epsilon"]: row["test_r2"] for row in picture.values
        if row["kind"] == "noise_ceiling"
    }  # fmt: skip
    assert ceiling == pytest.approx({0.0: 0.9, 0.5: 0.85, 1.0: 0.8})
    figure = drawn(picture)
    assert [(x, y) for x, y, colour in points(figure) if colour == "black"] == [*ceiling.items()]
    assert "noise ceiling" in {text.get_text() for text in figure.legends[0].get_texts()}


def test_a_line_stands_beside_arms_only_where_it_is_the_same_for_all():
    rows = studies.results([{"model": "a"}, {"model": "b"}], ["30C", "cu"]).to_pylist()
    for row in rows:
        if (row["model"], row["phenotype"]) == ("b", "cu"):
            row["ridge_r2"] -= 0.1  # as where it was tested on other strains
    data = StudyData(pa.Table.from_pylist(rows), "model", ["model"])
    picture = phenotype_picture(data, [])
    lines = group_by(picture.values, lambda row: row["kind"])
    assert [row["phenotype"] for row in lines["ridge_r2"]] == ["30C"]
    assert [row["phenotype"] for row in lines["noise_ceiling"]] == ["30C", "cu"]
    assert "No line of ridge, same split where arms differ in it (1 phenotype)." in picture.caption


def test_the_caption_names_a_line_that_is_a_mean_over_panels():
    places = [{"model": arm, "data.epsilon": x} for arm in ("a", "b") for x in (0.0, 1.0)]
    rows = studies.results(places, ["30C"], (0,)).to_pylist()
    for row in rows:
        row["noise_ceiling"] = 0.9 - row["data.epsilon"] / 10
    data = StudyData(pa.Table.from_pylist(rows), "model", ["model", "data.epsilon"])
    picture = phenotype_picture(data, [])
    (line,) = (row for row in picture.values if row["kind"] == "noise_ceiling")
    assert line["test_r2"] == pytest.approx(0.85)
    assert (
        "Runs of an arm differ in data.epsilon too. So do the reference values" in picture.caption
    )
    assert "(noise ceiling): a line is the mean." in picture.caption


def test_the_line_of_ridge_is_that_of_the_ridge_arm():
    points_ = [{"model": "ridge", "gain": -0.2}, {"model": "a"}]
    data = StudyData(studies.results(points_, ["30C", "cu"], (0,)), "model", ["model"])
    values = phenotype_picture(data, []).values
    line = {row["phenotype"]: row["test_r2"] for row in values if row["kind"] == "ridge_r2"}
    assert line == {r["phenotype"]: r["r2"] for r in data.rows if r["model"] == "ridge"}


def test_what_is_below_an_axis_keeps_its_value_and_has_an_arrow(tmp_path):
    data = StudyData(mixed(), "model", ["model", "model.num_layers"])
    for picture in (phenotype_picture(data, []), factor_picture(data, "model.num_layers")):
        assert "R2 down to -7.25" in picture.caption
        assert -7.25 in {row["test_r2"] for row in picture.values}
        figure = drawn(picture)
        assert -7.25 in {y for _, y, _ in points(figure)}
        assert min(axes.get_ylim()[0] for axes in figure.axes) > -0.5
        arrows = [line for axes in figure.axes for line in axes.lines if line.get_gid() == NO_VALUE]
        assert arrows and all(0 <= arrow.get_ydata()[0] <= 0.1 for arrow in arrows)


def test_only_trained_networks_are_compared_by_parameters_and_the_caption_names_the_others():
    arms = ("gbdt", "forest of mine", "transformer", "rijal")
    rows = studies.results([{"model": arm} for arm in arms], ["30C"], (0,)).to_pylist()
    for row in rows:
        row["flops"] = None if row["model"] in arms[:2] else 1e9
    table = pa.Table.from_pylist(rows)
    models = dict(zip(arms, ("gbdt", "rkhs", "transformer", "rijal_attention"), strict=True))
    configs = {row["signature"]: {"model": {"name": models[row["model"]]}} for row in rows}
    data = StudyData(table, "model", ["model"])
    baseline_arms = find_baseline_arms(data, configs)
    assert baseline_arms == {*arms[:2]}
    picture = cost(data, baseline_arms)
    by_cost = group_by(picture.values, lambda row: row["cost"])
    assert {row["arm"] for row in by_cost["num_parameters"]} == {*arms[2:]}
    assert {row["arm"] for row in by_cost["seconds"]} == {*arms}
    sentence = "Not under parameters, which compare trained networks alone: gbdt, forest of mine."
    assert sentence in picture.caption
    assert "not counted for baselines: gbdt, forest of mine." in picture.caption


def test_times_have_units_that_cannot_be_taken_for_others():
    assert [duration(s) for s in (0.001, 0.005, 0.1, 1, 20, 60, 600, 3600, 36000)] == [
        "1 ms", "5 ms", "100 ms", "1 s", "20 s", "1 min", "10 min", "1 h", "10 h"
    ]  # fmt: skip
    rows = studies.results([{"model": m} for m in "abc"], ["30C"], (0,)).to_pylist()
    for row, seconds in zip(rows, [0.004, 0.004, 0.05, 0.05, 0.7, 0.7], strict=True):
        row |= {"seconds": seconds, "energy": seconds}
    picture = cost(StudyData(pa.Table.from_pylist(rows), "model", ["model"]))
    figure = drawn(picture)
    ticks = {
        axes.get_xlabel(): [t.get_text() for t in axes.get_xticklabels()] for axes in figure.axes
    }  # fmt: skip
    assert {"10 ms", "100 ms"} <= {*ticks["training time"]}
    assert {"10 mJ", "100 mJ"} <= {*ticks["energy"]}
    assert all(re.fullmatch(r"\d+ (ms|s)", text) for text in ticks["training time"] if text)


def test_no_minus_before_a_zero():
    table = studies.results([{"model": "a"}, {"model": "b"}], ["30C"], (0, 1))
    (effect,) = studies.steps(table, "model")
    nothing = replace(effect, mean=-1e-9, low=-1e-9, high=1e-9)
    picture = pictures(StudyData(table, "model", ["model"]), [nothing], {}, [])[1]
    shown = [text.get_text() for text in drawn(picture).findobj(Text)]
    assert "+0.0000" in shown and not any("-0.0000" in text for text in shown)
