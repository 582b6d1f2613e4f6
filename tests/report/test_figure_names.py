"""Names are anybody's: formulas, markup and control characters in them break no figure or page."""

from xml.dom import minidom

import numpy as np
import pytest

from g2p.core.plot_style import drawing_style
from g2p.report.panel import figures as panel_figures
from g2p.report.study.layout import STUDY_STYLE, UNREADABLE
from g2p.report.study.phenotype_figure import phenotype_picture
from g2p.report.study.results_view import StudyData
from g2p.runs.directory import RunDirectory
from g2p.runs.figures import draw_run, predicted_vs_observed
from tests.helpers import study_tables as studies
from tests.helpers.figures import rows_of
from tests.helpers.study_reports import Page, write_page

# A formula without an end, rich markup, what matplotlib hides, control characters, letters that
# the font lacks, what a CSV has to quote, what HTML would run.
NAMES = (
    "$\\frac{$", "$x$ [/bold] [red]a[/red]", "_hidden", "bell\x07 nul\x00", "酵母", 'a, "b"\nc',
    '<script>alert("1")</script>', '" onload="alert(1)', "' &lt; & <img src=x>",
)  # fmt: skip


@pytest.mark.slow
def test_a_studys_report_with_any_names(tmp_path):
    points = [{"[model] $x": name, "gain": i / 50} for i, name in enumerate(NAMES)]
    table = studies.results(points, NAMES, (0, 1))
    html = write_page(
        tmp_path, table, "[model] $x", title="[/] $\\frac{$ & <i>", question="half \ud800 of [it]",
        effects=studies.steps(table, "[model] $x"), warnings=["[/bold] $\\frac{$ nul\x00"],
        directories=studies.write_histories(table, tmp_path / "runs", epochs=2),
    )  # fmt: skip
    shown = Page(html)
    assert not UNREADABLE.search(html)
    assert "script" not in shown.tags and "onload" not in shown.attributes
    assert all(
        link.startswith(("data:", "#", "figures/", "scores.csv", "study.yaml", "provenance"))
        for link in shown.links
    )
    for text in (
        *NAMES[-3:],
        "$\\frac{$",
        "[/bold] [red]a[/red]",
        "[/] $\\frac{$ & <i>",
        "half � of [it]",
    ):
        assert text in shown.text
    figures = list((tmp_path / "figures").glob("*.svg"))
    assert len(figures) == 5
    for figure in figures:
        minidom.parse(str(figure))  # an image that a browser shows
    names = {row["phenotype"] for row in rows_of(tmp_path / "figures" / "r2_by_phenotype.csv")}
    assert names == {UNREADABLE.sub("�", name) for name in NAMES}


def test_the_legend_has_every_arm():
    names = [name for name in NAMES if "\n" not in name]  # those are laid out anew
    table = studies.results([{"arm": name} for name in names], ["30C"], (0,))
    with drawing_style(STUDY_STYLE):
        figure = phenotype_picture(StudyData(table, "arm", ["arm"]), []).figure()
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[: len(names)] == [UNREADABLE.sub("�", name) for name in names]


def test_a_runs_and_a_panels_figures_with_any_names(tmp_path):
    n = len(NAMES)
    directory = RunDirectory(tmp_path)
    directory.write_history([
        {"epoch": i, "train_loss": 1.0, "val_loss": 1.0, "val_r2_mean": 0.1} for i in range(2)
    ])  # fmt: skip
    values = np.random.default_rng(0).normal(size=(5, n))
    directory.write_predictions(
        [f"s{i}" for i in range(5)], list(NAMES), {"test": np.arange(5)}, {"test": values},
        {"test": values + 0.1},
    )  # fmt: skip
    metrics = {
        "model": "[m] $\\frac{$", "seed": 0, "ridge": None, "best_epoch": 1, "epochs": 2,
        "test": {"r2": dict.fromkeys(NAMES, -0.001)},
    }  # fmt: skip
    for path in draw_run(directory, metrics):
        assert path.read_bytes().startswith(b"\x89PNG")
    with drawing_style():
        figure = predicted_vs_observed(directory, metrics)
    assert [axes.get_title() for axes in figure.axes][:3] == [f"{n}  R2 0.00" for n in NAMES[:3]]
    panel_figures.draw(tmp_path / "h.png", panel_figures.phenotypes, values, list(NAMES))
    h2 = dict.fromkeys(NAMES, (0.5, 0.1))
    panel_figures.draw(tmp_path / "h2.png", panel_figures.heritabilities, h2, {}, "5 strains")
    assert (tmp_path / "h2.png").stat().st_size > 1000
