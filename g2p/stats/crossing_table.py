"""Crossings of curves as a table: to write and to print."""

from collections.abc import Sequence
from math import inf, isnan

from rich.table import Column, Table

from g2p.core.console import Console
from g2p.stats.comparison import text_of
from g2p.stats.crossing import FEWEST_CROSSING, FEWEST_REPLICATES, Crossing

COLUMNS = (
    "along", "arm", "a", "b", "replicates", "at", "low", "high", "crossing", "ahead", "behind",
)  # fmt: skip
HEADINGS = ("overtakes", "from", "95% interval", "cross", "ahead", "behind", "n")
NOTE = (
    "From: the value from which on the first arm is ahead of the second, between two values linear "
    "in the logarithm. Interval: bootstrap of n whole replicates (a seed with all its values); an "
    f"interval only where at least {FEWEST_CROSSING:.0%} of the draws cross, and a bootstrap only "
    f"of {FEWEST_REPLICATES} replicates or more; of so few the interval is too narrow. Cross: the "
    "share of draws that cross between the first value and the last; ahead: that are ahead at all "
    "values; behind: that are not ahead at the last."
)


def crossing_rows(crossings: Sequence[Crossing]) -> list[dict]:
    """Return a row of `COLUMNS` for each crossing; None for NaN."""
    rows = []
    for crossing in crossings:
        pair = crossing.pair
        row = {"along": pair.along, "arm": pair.arm, "a": text_of(pair.a), "b": text_of(pair.b)}
        row |= {name: getattr(crossing, name) for name in COLUMNS if name not in row}
        rows.append({k: None if v != v else v for k, v in row.items()})
    return rows


def crossing_cells(crossing: Crossing) -> list[str]:
    """Return the texts of a crossing, one for each of `HEADINGS`."""
    low, high = (_position(crossing, x) for x in (crossing.low, crossing.high))
    shares = (crossing.crossing, crossing.ahead, crossing.behind)
    return [
        f"{text_of(crossing.pair.b)} over {text_of(crossing.pair.a)}",
        _position(crossing, crossing.at),
        "–" if isnan(crossing.low) else f"{low} to {high}",
        *("–" if isnan(share) else f"{share:.0%}" for share in shares),
        str(crossing.replicates),
    ]  # fmt: skip


def print_crossings(crossings: Sequence[Crossing], console: Console) -> None:
    """Print a row for each crossing; below, how they were computed."""
    along = list(dict.fromkeys(crossing.pair.along for crossing in crossings))
    table = Table(
        Column(HEADINGS[0], overflow="fold"),
        *(Column(heading, justify="right") for heading in HEADINGS[1:]),
        title=f"where R2 overtakes, along {', '.join(along)}",
    )
    for crossing in crossings:
        table.add_row(*crossing_cells(crossing))
    console.print(table)
    console.print(NOTE, markup=False, highlight=False, soft_wrap=True)


def _position(crossing: Crossing, x: float) -> str:
    """Return a value on x with three digits, or on which side of the measured values it lies."""
    if isnan(x):
        return "–"
    if x == 0:
        return f"below {_number(crossing.values[0])}"
    return f"above {_number(crossing.values[-1])}" if x == inf else _number(float(f"{x:.3g}"))


def _number(x: float) -> str:
    return f"{x:,.0f}" if x >= 100 else f"{x:g}"
