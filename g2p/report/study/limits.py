"""Limits of a page about thousands of runs; `results.parquet` has all."""

from collections.abc import Collection, Sequence

MOST_ARMS = 40  # in figures and among configs
MOST_ROWS = 200  # arms, scores or effects in a table
MOST_NAMES = 12  # of comparisons with the same warning
MOST_ERRORS = 20
MOST_OF_AN_ERROR = 10  # runs listed under one error
LONGEST_ERROR = 4000  # characters; an error's message is mostly at its end


def more(everything: Collection, shown: int) -> list[str]:
    """Return the number of those that are not shown, if any, as text."""
    hidden = len(everything) - shown
    return [f"and {hidden:,} more"] if hidden > 0 else []


def cut_rows(rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Return the rows of a table that are shown and, if there are more, a row with their number."""
    counts = ([text, *[""] * (len(rows[0]) - 1)] for text in more(rows, MOST_ROWS))
    return [*rows[:MOST_ROWS], *counts]
