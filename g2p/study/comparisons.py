"""The comparisons of a study, from its keys `compare` and `trend` (see `g2p.study.design`)."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

from g2p.core.errors import OptionError
from g2p.core.phrases import listed, nearest
from g2p.stats.comparison import Comparison, text_of

# Runs are always paired over these, and phenotypes have equal weight.
ALWAYS_PAIRED = ("phenotypes", "seed")

PointFactors = Sequence[Mapping]  # factor -> label, of each point


def comparisons(
    name: str, compare: object, trend: object, arm: str, factors: Mapping[str, Mapping],
    point_factors: PointFactors,
) -> list[Comparison]:  # fmt: skip
    """Return all comparisons of a study, in the order of its keys.

    Args:
        name: of the study.
        compare, trend: as in the spec, of the shape that `check_shape` allows.
        arm: the factor that `compare` is of where it names none.
        factors: name -> its labels, in order.
        point_factors: of each point.

    Raises:
        OptionError: for a factor or label that the study does not have, values of a trend out of
            order, or a level at which nothing can be compared.
    """
    result: list[Comparison] = []
    for factor, spec in _specs(compare, arm):
        key = f"study={name}: compare.{factor}"
        check_labels(name, "compare", factor, pair_labels(spec["pairs"]), factors)
        result += _expanded(key, factor, spec, factors, point_factors, _pairs)
    for factor, spec in _trends(trend):
        key = f"study={name}: trend.{factor}"
        check_labels(name, "trend", factor, [], factors)
        if len(factors[factor]) > 1:  # an override leaves one
            check_ordered(key, list(factors[factor]))
            result += _expanded(key, factor, spec, factors, point_factors, _trend)
    return result


def _specs(compare: Any, arm: str) -> Iterator[tuple[str, Mapping]]:
    """(factor, {pairs, within}) of each entry of `compare`."""
    for factor, spec in (compare if isinstance(compare, Mapping) else {arm: compare}).items():
        yield factor, spec if isinstance(spec, Mapping) else {"pairs": spec}


def _trends(trend: Any) -> Iterator[tuple[str, dict]]:
    """(factor, {within}) of each entry of `trend`."""
    if isinstance(trend, str):
        trend = [trend]
    named = trend if isinstance(trend, Mapping) else dict.fromkeys(trend)
    for factor, spec in named.items():
        yield factor, spec or {}


def pair_labels(pairs: Any) -> list:
    """Return the labels that pairs name, one after the other; none of a ladder."""
    return [] if pairs == "ladder" else list(itertools.chain(*pairs))


def _expanded(
    key: str, factor: str, spec: Mapping, factors: Mapping[str, Mapping],
    point_factors: PointFactors, contrasts: Callable[[str, Mapping, list], list[Comparison]],
) -> list[Comparison]:  # fmt: skip
    """The contrasts of one entry, at each level of its `within` factor if it has one."""
    within = spec.get("within")
    if within is not None:
        _check_within(key, within, factor, factors)
    by = tuple(name for name in factors if name not in (factor, within, *ALWAYS_PAIRED))
    result = []
    for level in factors[within] if within else [None]:
        present = {p[factor] for p in point_factors if within is None or p[within] == level}
        labels = [label for label in factors[factor] if label in present]
        result += [
            replace(comparison, by=by, within=within, level=level)
            for comparison in contrasts(factor, spec, labels)
        ]
    labels = pair_labels(spec.get("pairs", "ladder"))
    if labels and not result:
        raise OptionError(
            f"{key} compares {listed(map(text_of, labels))}, which no {within or 'run'} has "
            "together; the rules (when) drop them."
        )
    return result


def _pairs(factor: str, spec: Mapping, labels: list) -> list[Comparison]:
    """The pairs with both arms present; of a ladder each label with the one before it."""
    pairs = itertools.pairwise(labels) if spec["pairs"] == "ladder" else spec["pairs"]
    return [Comparison(factor, a, b) for a, b in pairs if a in labels and b in labels]


def _trend(factor: str, spec: Mapping, labels: list) -> list[Comparison]:
    if len(labels) < 2:
        return []
    return [Comparison(factor, labels[0], labels[-1], trend=tuple(labels))]


def check_labels(
    name: str, key: str, factor: str, labels: Iterable, factors: Mapping[str, Mapping]
) -> None:
    """Refuse a factor, or labels of it, that the study does not have."""
    allowed = list(factors.get(factor, ()))
    if factor not in factors:
        raise OptionError(
            f"study={name}: {key} names {factor}, which is not one of its factors "
            f"({listed(factors)}).{nearest(str(factor), factors)}"
        )
    for label in labels:
        if label not in allowed:
            raise OptionError(
                f"study={name}: {key} names {factor}={text_of(label)}, which the study does not "
                f"have ({listed(map(text_of, allowed))}).{nearest(str(label), map(str, allowed))}"
            )


def _check_within(key: str, within: str, factor: str, factors: Mapping[str, Mapping]) -> None:
    allowed = [name for name in factors if name not in (factor, *ALWAYS_PAIRED)]
    if within not in allowed:
        raise OptionError(
            f"{key}.within={within} must be another factor of the study, in which runs are not "
            f"always paired ({listed(allowed) or 'it has none'}).{nearest(str(within), allowed)}"
        )


def check_ordered(key: str, labels: list) -> None:
    """A trend's values are numbers in ascending order; null may stand at an end."""
    inner = labels[labels[0] is None : len(labels) - (labels[-1] is None)]
    numbers = all(
        isinstance(v, int | float) and not isinstance(v, bool) and isfinite(v) for v in inner
    )
    if not numbers or any(b <= a for a, b in itertools.pairwise(inner)):
        raise OptionError(
            f"{key} needs values in ascending order, numbers that null may come before or after, "
            f"not {listed(map(text_of, labels))}."
        )
