"""The scores of a study's arms for a terminal of 80 columns, from its `scores.csv`."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Column, Table

from g2p.core.console import Console
from g2p.core.formatting import label
from g2p.core.grouping import group_by
from g2p.core.phrases import plural
from g2p.report.study.limits import MOST_ARMS, more

Row = Mapping[str, str]


def read_scores(file: Path) -> list[dict[str, str]]:
    """Return the rows of a `scores.csv`; none where a study has no result."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def print_scores(rows: Sequence[Row], console: Console) -> None:
    """Print a row for each arm, in the study's order; of many arms the best ones."""
    chosen = _over_phenotypes(rows)
    if not chosen:
        return
    several = chosen[0]["phenotype"] == ""
    names = _factors(rows[0])
    best = sorted(chosen, key=lambda row: -float(row["r2_mean"]))[:MOST_ARMS]
    what = plural(int(chosen[0]["phenotypes"]), "phenotype") if several else chosen[0]["phenotype"]
    with_escape = any(row["escaped"] for row in chosen)
    headings = ["runs", "R2", "± SE", "r", *["updates to escape"] * with_escape]
    table = Table(
        Column(", ".join(names), overflow="fold"),
        *(Column(heading, justify="right", no_wrap=True) for heading in headings),
        title=f"{'mean ' if several else ''}test R2 {'of' if several else 'on'} {what}",
    )
    for row in chosen:
        if row in best:
            arm = ", ".join(row[name] for name in names if row[name] != label(None))
            cells = [row["runs"], *(_digits(row[name]) for name in ("r2_mean", "r2_se", "r_mean"))]
            table.add_row(arm, *cells, *[_escape(row)] * with_escape)
    console.print(table)
    for text in more(chosen, MOST_ARMS):
        console.print(text)
    if with_escape:
        console.print(
            "Updates to escape: until validation R2 is clearly above ridge's, their median (Kaplan "
            "and Meier); in brackets the runs that did.",
            soft_wrap=not console.is_terminal,
        )


def _factors(row: Row) -> list[str]:
    """The columns that say which arm it is, in which setting."""
    return list(row)[: list(row).index("phenotype")]


def _over_phenotypes(rows: Sequence[Row]) -> list[Row]:
    """The means over phenotypes or, without any, the rows of a phenotype that every arm has."""
    by_phenotype = group_by(rows, lambda row: row["phenotype"])
    if "" in by_phenotype:
        return by_phenotype[""]
    arms = {tuple(row[name] for name in _factors(row)) for row in rows}
    return next((each for each in by_phenotype.values() if len(each) == len(arms)), [])


def _digits(value: str) -> str:
    return f"{float(value):z.4f}" if value else ""


def _escape(row: Row) -> str:
    """The median, or a dash where less than half of the runs have escaped."""
    if not row["escaped"]:
        return ""
    median = f"{float(row['escape_updates']):,.0f}" if row["escape_updates"] else "–"
    return f"{median} ({row['escaped']} of {row['runs']})"
