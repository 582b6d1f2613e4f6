"""Positions of loci, comparable between two locus tables that write them differently."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from g2p.data.panel import UNKNOWN

LocusPosition = tuple[str, int]  # chromosome and position (bp)

PREFIX = re.compile(r"^(?:chromosome|chrom|chr)[ _.-]?(?=.)")
UNPLACED = (UNKNOWN, "0", "")  # PLINK writes a chromosome 0
UNITS = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
ROMAN = {"x" * (n // 10) + UNITS[n % 10]: n for n in range(1, 40)}
ORGANELLES = {"m", "mt", "mito"}
SHIFT_FACTOR = 4  # see `position_shift`


def comparable_positions(table: Mapping[str, list]) -> list[LocusPosition | None]:
    """Return the position of each locus of a table (columns as lists); None where it is unknown.

    `chr01`, `Chr1` and `1` are one chromosome, and so is `I` where all of the table's are Roman
    numerals. A position 0 that several loci of a chromosome, or all of the table, have is unknown.
    """
    chromosomes = [_plain_name(name) for name in table["chromosome"]]
    number = _arabic_numbers(set(chromosomes))
    positions = [(number.get(c, c), p) for c, p in zip(chromosomes, table["position"], strict=True)]
    count = Counter(positions)
    mapped = any(table["position"])
    return [
        None if c in UNPLACED or (p == 0 and (count[c, p] > 1 or not mapped)) else (c, p)
        for c, p in positions
    ]


def position_shift(
    first: Iterable[LocusPosition | None], second: Iterable[LocusPosition | None]
) -> int:
    """Return what to add to the positions `first` to have those of `second`: 0, 1 or -1.

    One table may count base pairs from 0 and the other from 1. Names do not matter: a shift needs
    `SHIFT_FACTOR` times as many equal positions as no shift, and at least one in `SHIFT_FACTOR` of
    the smaller table.
    """
    one, other = ({at for at in table if at is not None} for table in (first, second))
    same = {step: sum((c, p + step) in other for c, p in one) for step in (0, 1, -1)}
    best = max(same, key=lambda step: same[step])
    many = SHIFT_FACTOR * same[best] > min(len(one), len(other))
    return best if many and same[best] > SHIFT_FACTOR * same[0] else 0


def format_position(table: Mapping[str, Sequence], row: int) -> str:
    """Return the position of one locus as its table has it."""
    return f"{table['chromosome'][row]}:{table['position'][row]}"


def _plain_name(chromosome: str) -> str:
    name = PREFIX.sub("", chromosome.strip().casefold())
    return name.lstrip("0") or name[:1]


def _arabic_numbers(names: set[str]) -> dict[str, str]:
    """Return Roman numeral -> number, where all of a table's chromosomes are Roman.

    X is ten only beside a numeral that shows that they go beyond five: worms have I to V and X.
    """
    names = names - ORGANELLES
    numbers = {name: str(ROMAN[name]) for name in names if name in ROMAN}
    if len(numbers) < len(names):
        return {}
    if not any(ROMAN[name] > ROMAN["v"] for name in names - {"x"}):
        numbers.pop("x", None)
    return numbers
