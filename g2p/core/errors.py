"""The one kind of error that is meant for the user: a message, no traceback."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can mend. The message says what was wrong, where, and what is allowed."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """`" Did you mean 'x'?"` for the choice most like `word`, or nothing when none is."""
    by_folded_name = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(word.casefold(), by_folded_name, n=1, cutoff=0.5)
    return f" Did you mean '{by_folded_name[found[0]]}'?" if found else ""


def listed(words: Iterable[str], limit: int = 40) -> str:
    """Words for a message, cut to `limit`, the rest counted."""
    words = list(words)
    more = f" and {len(words) - limit} more" if len(words) > limit else ""
    return ", ".join(words[:limit]) + more


def plural(number: int, noun: str) -> str:
    """A count with its noun: `1 run`, `2,000 runs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
