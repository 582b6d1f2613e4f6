"""What a figure shows, taken from matplotlib's artists, against the CSV beside it."""

import csv
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from g2p.core.plot_style import drawing_style
from g2p.report.study.layout import NO_VALUE, STUDY_STYLE

# The column of a figure's CSV that has the drawn value; where the axis is x, the artists' x is.
VALUE = {
    "r2_by_phenotype": "test_r2", "effects": "change_in_test_r2", "cost": "mean_test_r2",
    "learning_curves": "validation_r2", "staircase": "value", "recovery": "value",
}  # fmt: skip
TEXTS = {"kind", "signature", "phenotype", "arm", "line", "comparison", "cost", "stars", "measure"}


def drawn(picture):
    with drawing_style(STUDY_STYLE):
        figure = picture.figure()
        figure.canvas.draw()
    return figure


def points(figure) -> list[tuple]:
    """(x, y, colour) of all that is drawn for a value; nothing but lines may be."""
    drawn_points = []
    for axes in figure.axes:
        assert not axes.collections and not axes.containers and not axes.images
        for line in axes.lines:
            if line.get_gid() != NO_VALUE:
                xy = zip(line.get_xdata(orig=True), line.get_ydata(orig=True), strict=True)
                drawn_points += [(x, float(y), line.get_color()) for x, y in xy]
    return drawn_points


def rows_of(file: Path) -> list[dict]:
    """A figure's CSV, numbers as numbers, empty cells as None."""
    with file.open(newline="") as opened:
        return [
            {key: _cell(key, text) for key, text in row.items()} for row in csv.DictReader(opened)
        ]


def _cell(key: str, text: str):
    try:
        return (text if key in TEXTS else float(text)) if text else None
    except ValueError:
        return text


def check_figure(figure, name: str, rows: list[dict]) -> None:
    """Every value drawn is a cell of the CSV, and every row of the CSV is drawn."""
    column = VALUE.get(name, "test_r2")
    across = 0 if name in ("effects", "recovery") else 1
    shown = {point[across] for point in points(figure)}
    cells = {row[column] for row in rows}
    assert shown <= cells, f"{name}: drawn, but in no cell: {sorted(shown - cells)[:5]}"
    assert cells <= shown, f"{name}: in a cell, but not drawn: {sorted(cells - shown)[:5]}"


def check_rows(name: str, rows: list[dict], folder: Path, runs: Path) -> Counter:
    """Runs are rows of what the study wrote; returns how many values there are of each kind."""
    raw = pq.read_table(folder / "results.parquet").to_pylist()
    tested = {
        (r["signature"], r["phenotype"], r["r2"]) for r in raw if r["split"] == "test"
    }  # fmt: skip
    if name == "effects":
        effects = pq.read_table(folder / "effects.parquet").to_pylist()
        cells = {("mean", None, e["mean"]) for e in effects}
        cells |= {(f"interval_{end}", None, e[end]) for e in effects for end in ("low", "high")}
        cells |= {("phenotype", *cell) for e in effects for cell in e["by_phenotype"]}
        for row in rows:
            assert (row["kind"], row["phenotype"], row["change_in_test_r2"]) in cells
    elif name == "learning_curves":
        for signature in {row["signature"] for row in rows}:
            history = pq.read_table(runs / signature / "history.parquet").to_pydict()
            curve = [r["validation_r2"] for r in rows if r["signature"] == signature]
            column = "val_r2/23C" if folder.name.startswith("transfer") else "val_r2_mean"
            # A run that serves two arms is in both.
            cells = [r2 for r2 in history[column] if r2 is not None]
            assert curve[: len(cells)] == cells
    elif name == "recovery":
        explained = rows_of(folder / "explained.csv")
        cells = {(row["seed"], key, row[key]) for row in explained for key in ("recall", "fdr")}
        for row in rows:
            if row["kind"] == "run":
                assert (row["seed"], row["measure"], row["value"]) in cells
    else:
        for row in rows:
            if row["kind"] == "run":
                assert (row["signature"], row["phenotype"], row["test_r2"]) in tested
    return Counter(row["kind"] for row in rows)
