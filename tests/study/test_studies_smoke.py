"""Every study there is, at its small size, from its first run to its report."""

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from g2p.cli.sweep import execute
from g2p.report.study import figure_files
from g2p.report.study.page import Paragraph
from g2p.study.study_files import studies
from tests.helpers.command import sweep
from tests.helpers.figures import check_figure, check_rows, rows_of

QUICK = ("baselines", "canonical")
MARKED = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in studies()
]


@pytest.mark.slow
@pytest.mark.parametrize("name", MARKED)
def test_a_study_at_its_small_size(tmp_path, name, monkeypatch):
    overrides = [f"study={name}", "size=smoke", "logger=none"]
    done = sweep(*overrides, cwd=tmp_path, timeout=500)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    folder = tmp_path / "studies" / f"{name}-smoke"
    rows = pq.read_table(folder / "results.parquet").to_pylist()
    assert rows and {row["status"] for row in rows} == {"done"}
    assert all(row["r2"] is not None for row in rows if row["split"] == "test")
    assert (folder / "report.html").stat().st_size > 10_000
    if (folder / "crossings.csv").exists():  # along a curve, who is ahead depends on the point
        assert "does not beat" not in done.stdout
    effects = pq.read_table(folder / "effects.parquet").to_pylist()
    assert all(effect["pairs"] and effect["test"] for effect in effects)
    if name == "transfer":  # joint arms predict three phenotypes, of which one is the question
        assert {row["phenotype"] for row in rows} == {"23C", "25C", "27C"}
        assert {name for effect in effects for name, _ in effect["by_phenotype"]} == {"23C"}
        drawn = {row["phenotype"] for row in rows_of(folder / "figures" / "r2_by_phenotype.csv")}
        assert drawn == {"23C"}
    files = {file.stem: file for file in folder.glob("figures/*.csv")}
    assert "r2_by_phenotype" in files
    assert ("learning_curves" in files) == (name != "baselines")  # closed forms have none
    assert ("staircase" in files) == (name in ("ladder", "ablation"))
    for ending in ("png", "svg", "pdf"):
        assert {file.stem for file in folder.glob(f"figures/*.{ending}")} == files.keys()
    for figure, file in files.items():
        assert check_rows(figure, rows_of(file), folder, tmp_path / "runs")
    _check_artists(tmp_path, folder, overrides, monkeypatch)


def _check_artists(tmp_path, folder, overrides, monkeypatch):
    """Draw the figures again, in this process, and hold them against the files."""
    drawn = {}

    def figure(picture, figures):
        drawn[picture.name] = picture.figure()
        return Paragraph("")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(figure_files, "write_figure", figure)
    (folder / "published.json").unlink()
    assert execute([*overrides, "--collect"], Console(quiet=True))
    for name, shown in drawn.items():
        check_figure(shown, name, rows_of(folder / "figures" / f"{name}.csv"))
    assert {*drawn} == {file.stem for file in folder.glob("figures/*.csv")}
