"""The section of a report on curves against strains: their values, and where they cross."""

from collections.abc import Sequence

from g2p.report.study.factor_values import N_TRAIN, sort_values
from g2p.report.study.layout import Picture, Values
from g2p.report.study.page import Block, Paragraph, Table
from g2p.report.study.results_view import group_by
from g2p.report.study.scaling_figure import SCALING
from g2p.stats.crossing import Crossing
from g2p.stats.crossing_table import HEADINGS, NOTE, crossing_cells


def curves_section(drawn: Sequence[Picture], crossings: Sequence[Crossing]) -> list[Block]:
    """Return the table of the curves, if their figure is drawn, and that of their crossings."""
    tables = [block for picture in drawn if picture.name == SCALING
              for block in _curve_table(picture.values)]  # fmt: skip
    return [*tables, *_crossings_table(crossings)] if crossings else tables


def _curve_table(values: Values) -> list[Block]:
    """A row for each curve, a column for each number of strains."""
    rows = group_by(
        (row for row in values if row["kind"] in ("mean", "interval_high")),
        lambda row: row["line"],
    )
    columns = sort_values({row[N_TRAIN] for of_line in rows.values() for row in of_line})
    cells = []
    for line, of_line in rows.items():
        at = {(row["kind"], row[N_TRAIN]): row["test_r2"] for row in of_line}
        cells.append([line, *(_mean_and_error(at, x) for x in columns)])
    headings = ["test R2 at", *(x if isinstance(x, str) else f"{x:,g}" for x in columns)]
    note = "Mean, and its standard error over replicates where there are several."
    table = Table("test R2 by strains", headings, cells, numbers=range(1, len(headings)))
    return [table, Paragraph(note)]


def _crossings_table(crossings: Sequence[Crossing]) -> list[Block]:
    """A row for each pair of curves that the study asks about."""
    along = ", ".join(dict.fromkeys(crossing.pair.along for crossing in crossings))
    rows = [crossing_cells(crossing) for crossing in crossings]
    table = Table(f"crossings along {along}", HEADINGS, rows, numbers=range(1, len(HEADINGS)))
    return [table, Paragraph(f"Along {along}. {NOTE}")]


def _mean_and_error(at: dict[tuple, float], x: float | str) -> str:
    mean, high = at.get(("mean", x)), at.get(("interval_high", x))
    if mean is None:
        return "–"
    return f"{mean:z.3f}" if high is None else f"{mean:z.3f} ± {high - mean:.3f}"
