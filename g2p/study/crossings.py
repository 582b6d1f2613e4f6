"""The curves of a study that are asked where they cross, from its key `crossing`."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from g2p.core.errors import OptionError
from g2p.core.phrases import listed
from g2p.stats.comparison import text_of
from g2p.stats.crossing import CurvePair
from g2p.study.comparisons import (
    ALWAYS_PAIRED,
    PointFactors,
    check_labels,
    check_ordered,
    pair_labels,
)


def curve_pairs(
    name: str, crossing: Mapping, arm: str, factors: Mapping[str, Mapping],
    point_factors: PointFactors,
) -> Iterator[CurvePair]:  # fmt: skip
    """Yield the pairs of curves of a study, in the order of its key.

    Args:
        name: of the study.
        crossing: as in the spec, of the shape that `check_shape` allows.
        arm: the factor whose values are the curves.
        factors: name -> its labels, in order.
        point_factors: of each point.

    Raises:
        OptionError: for a factor or label that the study does not have, for values on x that are
            not positive numbers in ascending order, or an arm that the rules drop.
    """
    for along, pairs in crossing.items():
        check_labels(name, "crossing", along, [], factors)
        check_labels(name, f"crossing.{along}", arm, pair_labels(pairs), factors)
        _check_along(f"study={name}: crossing.{along}", along, arm, list(factors[along]))
        if len(factors[along]) == 1:  # an override leaves one
            continue
        by = tuple(key for key in factors if key not in (along, arm, *ALWAYS_PAIRED))
        present = {point[arm] for point in point_factors}
        labels = [label for label in factors[arm] if label in present]
        for a, b in itertools.pairwise(labels) if pairs == "ladder" else pairs:
            for label in (a, b):
                if label not in present:
                    raise OptionError(
                        f"study={name}: crossing.{along} names {arm}={text_of(label)}, which no "
                        f"run has; the rules (when) drop it."
                    )
            yield CurvePair(along, arm, a, b, by)


def _check_along(key: str, along: str, arm: str, values: list[Any]) -> None:
    if along in (arm, *ALWAYS_PAIRED):
        raise OptionError(f"{key} must be another factor than {arm}, phenotypes and seed.")
    check_ordered(key, values)
    if any(value is None or value <= 0 for value in values):
        raise OptionError(
            f"{key} needs positive numbers, since it is drawn on a logarithmic axis, not "
            f"{listed(map(text_of, values))}."
        )
