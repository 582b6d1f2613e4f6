"""Checks of a study's factors, before its runs are made."""

import math
from collections.abc import Mapping, Sequence

from g2p.core.errors import OptionError
from g2p.core.phrases import listed, nearest

MOST_POINTS = 100_000  # of a study


def check_distinct(factor: str, labels: Sequence) -> None:
    """Refuse a label that occurs twice: the two would be one arm of the table."""
    labels_so_far = set()
    for label in labels:
        if label in labels_so_far:
            raise OptionError(f"the factor {factor} has the value {label} twice.")
        labels_so_far.add(label)


def check_number(name: str, factors: Mapping[str, Mapping]) -> None:
    """Refuse a product of factors that is larger than any study could be."""
    number = math.prod(map(len, factors.values()))
    if number > MOST_POINTS:
        raise OptionError(
            f"study={name}: its factors make {number:,} runs; at most {MOST_POINTS:,} are allowed."
        )


def check_keys(name: str, points: Sequence) -> None:
    """Refuse keys of Hydra, which would have no effect."""
    keys = {key for point in points for key in point.overrides}
    if hydra_keys := sorted(key for key in keys if key.startswith("hydra")):
        raise OptionError(
            f"study={name} sets {listed(hydra_keys)}: where runs are computed is set on the "
            "command line."
        )


def check_select(name: str, select: Mapping, factors: Mapping, arm: str) -> None:
    """Refuse a selection of a factor that does not exist, or that is compared."""
    allowed = [factor for factor in factors if factor not in (arm, "phenotypes", "seed")]
    for factor in select:
        if factor not in allowed:
            raise OptionError(
                f"study={name}: select names {factor}, which must be one of its factors other than "
                f"{arm}, phenotypes and seed ({listed(allowed) or 'it has none'})."
                f"{nearest(str(factor), allowed)}"
            )
