"""Places of loci, comparable between two locus tables that write them differently."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from g2p.data.panel import UNKNOWN

Place = tuple[str, int]  # chromosome and position (bp)

PREFIX = re.compile(r"^(?:chromosome|chrom|chr)[ _.-]?(?=.)")
UNPLACED = (UNKNOWN, "0", "")  # PLINK writes a chromosome 0
UNITS = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
ROMAN = {"x" * (n // 10) + UNITS[n % 10]: n for n in range(1, 40)}
ORGANELLES = {"m", "mt", "mito"}
COUNTED_APART = 4  # see `position_shift`


def places(table: Mapping[str, list]) -> list[Place | None]:
    """The place of each locus of a locus table (columns as lists); None where it is not known.

    `chr01`, `Chr1` and `1` are one chromosome, and so is `I` where all of the table's are Roman
    numerals. A position 0 that several loci of a chromosome, or all of the table, have is none.
    """
    spelled = [_plain(name) for name in table["chromosome"]]
    number = _numerals(set(spelled))
    found = [(number.get(c, c), p) for c, p in zip(spelled, table["position"], strict=True)]
    count = Counter(found)
    mapped = any(table["position"])
    return [
        None if c in UNPLACED or (p == 0 and (count[c, p] > 1 or not mapped)) else (c, p)
        for c, p in found
    ]


def position_shift(here: Iterable[Place | None], there: Iterable[Place | None]) -> int:
    """What is added to positions `here` to have those `there`: 0, or 1 or -1.

    One table may count base pairs from 0 and the other from 1. Names do not matter to this: the
    places as a whole tell, where hardly any are the same as they stand and many are a step apart.
    """
    here, there = (set(table) - {None} for table in (here, there))
    same = {step: sum((c, p + step) in there for c, p in here) for step in (0, 1, -1)}
    best = max(same, key=same.get)
    many = COUNTED_APART * same[best] > min(len(here), len(there))
    return best if many and same[best] > COUNTED_APART * same[0] else 0


def written(table: Mapping[str, Sequence], row: int) -> str:
    """The place of one locus as its table has it."""
    return f"{table['chromosome'][row]}:{table['position'][row]}"


def _plain(chromosome: str) -> str:
    name = PREFIX.sub("", chromosome.strip().casefold())
    return name.lstrip("0") or name[:1]


def _numerals(names: set[str]) -> dict[str, str]:
    """Roman numeral -> number, where all of a table's chromosomes are some.

    X is ten only beside a numeral that shows that they go beyond five: worms have I to V and X.
    """
    names = names - ORGANELLES
    numbers = {name: str(ROMAN[name]) for name in names if name in ROMAN}
    if len(numbers) < len(names):
        return {}
    if not any(ROMAN[name] > ROMAN["v"] for name in names - {"x"}):
        numbers.pop("x", None)
    return numbers
