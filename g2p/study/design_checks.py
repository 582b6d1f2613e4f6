"""What a study's factors may not be, found before its runs are made."""

import math
from collections.abc import Mapping, Sequence

from g2p.core.errors import UserError, listed

MOST_POINTS = 100_000  # of a study


def check_distinct(factor: str, labels: Sequence) -> None:
    """Refuse a label that stands twice: the two would be one arm of the table."""
    seen = set()
    for label in labels:
        if label in seen:
            raise UserError(f"the factor {factor} has the value {label} twice.")
        seen.add(label)


def check_number(name: str, factors: Mapping[str, Mapping]) -> None:
    """Refuse a product of factors that is larger than any study could be."""
    number = math.prod(map(len, factors.values()))
    if number > MOST_POINTS:
        raise UserError(
            f"study={name}: its factors make {number:,} runs; {MOST_POINTS:,} are the most."
        )


def check_keys(name: str, points: Sequence) -> None:
    """Refuse Hydra's own keys, which would have no effect."""
    if own := sorted({key for p in points for key in p.overrides if key.startswith("hydra")}):
        raise UserError(
            f"study={name} sets {listed(own)}: where runs are computed is said on the command line."
        )
