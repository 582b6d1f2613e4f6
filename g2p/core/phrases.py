"""Phrases of messages: the nearest match, a list of names, a count with its noun."""

import difflib
from collections.abc import Iterable


def nearest(text: str, choices: Iterable[str]) -> str:
    """`" Did you mean 'x'?"` for the choice most like `text`; empty if none is similar."""
    by_folded_name = {choice.casefold(): choice for choice in choices}
    matches = difflib.get_close_matches(text.casefold(), by_folded_name, n=1, cutoff=0.5)
    return f" Did you mean '{by_folded_name[matches[0]]}'?" if matches else ""


def listed(names: Iterable[str], limit: int = 40) -> str:
    """Names for a message, separated by commas; beyond `limit` they are counted."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def plural(number: int, noun: str) -> str:
    """A count with its noun: `1 run`, `2,000 runs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
