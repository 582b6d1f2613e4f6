"""A study's report: its text, its files, and its layout in a browser."""

from dataclasses import replace
from statistics import fmean

import pytest

from g2p.report.study.config_table import config_table
from g2p.report.study.page import render
from g2p.report.study.results_view import StudyData
from tests.helpers import study_tables as studies
from tests.helpers.study_reports import PROVENANCE, Page, effect, write_page

pytestmark = pytest.mark.slow

RUNS = {
    "git_commit": None, "git_dirty": None, "device": "<GPU> & more", "cpu_count": 8,
    "threads": None, "platform": "Linux", "python": "3.11.7", "packages": None, "runs": 4,
    "first": "2026-01-02T03:04:05+00:00", "last": "2026-01-03T04:05:06+00:00",
}  # fmt: skip
ODD_PROVENANCE = PROVENANCE | {
    "study": PROVENANCE["study"] | {"file": "<lib>.yaml"},
    "training": [
        RUNS, RUNS | {"git_commit": "f" * 40, "git_dirty": True, "packages": {"g2p": "1"}}
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def wild(tmp_path_factory):
    """The folder of a study under way with names of any kind, and its page."""
    folder = tmp_path_factory.mktemp("wild")
    table = studies.wild()
    html = write_page(
        folder, table, "arm", effects=studies.steps(table, "arm"), title="a < b", question="a & b?",
        warnings=["1 < 2"], command=f"echo '<&>' {'x' * 400}", provenance=ODD_PROVENANCE,
        configs=studies.configs(table, ["arm"]),
        directories=studies.write_histories(table, folder / "runs", epochs=3),
    )  # fmt: skip
    return folder, html


def test_the_page_is_one_file_with_escaped_text(wild):
    folder, html = wild
    shown = Page(html)
    assert not shown.tags & {"script", "link", "iframe", "b"}
    files = {link for link in shown.links if link.startswith("figures/")}
    others = {*shown.links} - files - {"scores.csv", "study.yaml", "provenance.json"}
    assert all(link.startswith(("data:image/svg+xml;base64,", "#")) for link in others)
    assert files == {f"figures/{file.name}" for file in (folder / "figures").glob("*.csv")}
    assert "@import" not in html and "url(" not in html
    for text in (
        "a < b",
        "a & b?",
        "1 < 2",
        "echo '<&>'",
        "of <lib>.yaml",
        "<GPU> & more",
        "<tensor> &",
        studies.WILD[0],
    ):
        assert text in shown.text
    assert "8 runs: 4 done, 2 running, 2 failed." in shown.text
    assert "2 of 2" not in shown.text and "0 of 2" in shown.text
    for picture in ("staircase", "r2_by_phenotype", "effects", "cost", "learning_curves"):
        assert (folder / f"figures/{picture}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / f"figures/{picture}.pdf").read_bytes().startswith(b"%PDF")
        assert b"<svg" in (folder / f"figures/{picture}.svg").read_bytes()[:1000]


def test_the_page_says_where_results_come_from(wild):
    shown = Page(wild[1]).text
    for text in ("0123456789", "2026-01-02T03:04:05+00:00", "a CPU, 2 cores", "8 GiB", "g2p 0.1.0",
                 "2026-01-02 03:04 to 2026-01-03 04:05", "no git checkout", "– of 8",
                 "ffffffffff, with changes"):  # fmt: skip
        assert text in shown, text


def test_the_same_study_gives_the_same_bytes_and_no_stale_figure(tmp_path):
    table = studies.results([{"model": "ridge"}, {"model": "new"}], ["30C", "cu"])
    first = write_page(tmp_path, table, "model")
    figures = {file: file.read_bytes() for file in (tmp_path / "figures").iterdir()}
    assert {f.stem for f in figures} == {"r2_by_phenotype", "cost"}
    assert write_page(tmp_path, table, "model") == first
    assert all(file.read_bytes() == data for file, data in figures.items())
    write_page(tmp_path, studies.results([{"model": "ridge"}], ["30C"]), "model")
    assert {f.name for f in (tmp_path / "figures").iterdir()} == {
        f"r2_by_phenotype.{ending}" for ending in ("svg", "pdf", "png", "csv")
    }  # fmt: skip


@pytest.mark.parametrize("status", ["pending", "running", "failed"])
def test_a_study_without_any_result(tmp_path, status):
    points = [{"model": "ridge", "status": status}, {"model": "transformer", "status": "pending"}]
    table = studies.results(points, ["30C"], seeds=(0,))
    shown = Page(write_page(tmp_path, table, "model", effects=studies.steps(table, "model")))
    assert "There is no result yet." in shown.text
    assert "0 of 1" in shown.text
    assert ("no error recorded" in shown.text) == (status == "failed")
    assert not (tmp_path / "figures").exists()


def test_the_table_of_arms_by_hand(tmp_path):
    table = studies.results([{"model": "a"}, {"model": "b", "gain": 0.05}], ["30C", "cu"], (0, 1))
    test = [row for row in table.to_pylist() if row["split"] == "test"]
    shown = Page(write_page(tmp_path, table, "model", figures=False)).text
    for arm in "ab":
        arm_rows = [row for row in test if row["model"] == arm]
        assert f"{fmean(row['r2'] for row in arm_rows):.4f}" in shown
        share = fmean(row["r2"] / row["noise_ceiling"] for row in arm_rows)
        assert f"{share:.1%}" in shown
        assert f"{arm_rows[0]['num_parameters']:,}" in shown


def test_the_page_says_how_effects_were_tested(tmp_path):
    table = studies.results([{"model": "a"}, {"model": "b", "gain": 0.1}], ["30C", "cu"])
    shown = Page(write_page(tmp_path, table, "model", effects=studies.steps(table, "model"))).text
    # With the figure, and with the table.
    assert shown.count("Sign-flip test over phenotypes: assumes that they are independent") == 2
    assert shown.count("A pair is two runs that agree in phenotype, seed.") == 2


def test_configs_show_what_differs_between_arms_and_what_varies_in_all():
    table = studies.layers()
    factors = ["model", "model.num_layers"]
    data = StudyData(table, "model", factors)
    blocks = config_table(data, studies.configs(table, factors))
    shown = Page(render("", "", {"Configs": blocks})).text
    assert "model.num_layers" in shown and "1, 2, 3, 4, 5, 6" in shown
    assert "Varied in every arm alike: seed: 0, 1, 2." in shown
    assert "bbq" not in shown and "/somewhere" not in shown
    assert config_table(data, {}) == []


def test_failed_runs_are_listed_by_their_error(tmp_path):
    points = [{"model": f"m{i}", "status": "failed", "error": "out of memory"} for i in range(14)]
    table = studies.results([*points, {"model": "ridge"}], ["30C"], seeds=(0,))
    shown = Page(write_page(tmp_path, table, "model", figures=False)).text
    assert shown.count("out of memory") == 1
    assert "model=m0, seed=0, phenotype=30C (00000000)" in shown and "and 4 more" in shown


def test_a_page_of_a_thousand_arms_stays_a_page(tmp_path):
    points = [{"arm": f"lr {i:03}", "gain": i / 10} for i in range(250)]
    points += [
        {"arm": f"bad {i}", "status": "failed", "error": f"error {i}"} for i in range(30)
    ]  # fmt: skip
    table = studies.results(points, ["30C"], (0,))
    effects = [
        replace(effect(f"{i}", f"{i + 1}", 0.01, 0.0, 0.02), warning="Too few.") for i in range(250)
    ]
    html = write_page(
        tmp_path, table, "arm", effects=effects, configs=studies.configs(table, ["arm"])
    )
    text = Page(html).text
    assert "Figures show the 40 best of 280 arms." in text
    assert "0 → 1; 1 → 2" in text and "and 238 more: Too few." in text
    assert "and 80 more" in text  # arms in their table, which has the best 200
    assert "and 50 more" in text  # comparisons
    assert "The first 60 of 250." in text
    assert "error 19" in text and "error 20" not in text and "and 10 more" in text
    arms = html.partition('aria-label="arms"')[2].partition("</table>")[0]
    assert "lr 249" in arms and "lr 050" in arms and "lr 049" not in arms
    configs = html.partition('aria-label="configs"')[2].partition("</table>")[0]
    assert "lr 210" in configs and "lr 209" not in configs
    assert len(html) < 2_000_000
