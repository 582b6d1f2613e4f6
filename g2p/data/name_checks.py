"""Checks on the names in data files: no control characters, none twice."""

import re
from collections.abc import Iterable, Sequence

from g2p.core.errors import DataError

# NUL and its like, which end a name for some programs and do not show in any.
CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")


def refuse_control_characters(
    names: Sequence[str], numbers: Iterable[int], where: str, what: str
) -> None:
    """Raise for a name with a control character, at one of the `numbers` of `where`."""
    if CONTROL.search("".join(names)):
        for name, number in zip(names, numbers, strict=False):
            if match := CONTROL.search(name):
                raise DataError(
                    f"{where} {number}: {what} {name!r} has a control character, "
                    f"U+{ord(match[0]):04X}. Remove it."
                )


def refuse_repeated(
    names: Iterable[str], numbers: Iterable[int], where: str, what: str, remedy: str
) -> None:
    """Raise for a name that appears twice, at two of the `numbers` of `where` ("x.fam, lines")."""
    seen: dict[str, int] = {}
    for name, number in zip(names, numbers, strict=False):
        if name in seen:
            raise DataError(
                f"{where} {seen[name]} and {number}: {what} {name!r} appears more than once. "
                f"{remedy}"
            )
        seen[name] = number
