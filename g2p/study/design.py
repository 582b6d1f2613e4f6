"""From a study's YAML to its runs.

A study declares, in `conf/study/<name>.yaml`:

    question     what it answers, in a sentence
    set          overrides of every run, `key: value`
    factors      name -> values; the runs are the product. A factor's values are
                   [1, 2, 3]                    values of the key that the factor is named by
                   {label: {key: value}, ...}   overrides, which may swap a whole group
                   [{key: value, ...}, ...]     keys that go together
                   {bottom: {...}, rungs: [{component: label, set: {...}}, ...]}
                                                each is the one before it and `set`
    phenotypes   `all` in one run, `each` in a run of its own, or a list of names, likewise
    seeds        a list
    when         [{if: {factor: value or values}, set: {...}}, or {..., drop: true}, ...]
    arm          the factor whose values are compared
    compare      [[a, b], ...]: differences b - a of the arm, over all other factors;
                 `ladder`: each value of the arm with the one before it; or, of other factors,
                   {factor: pairs, ...}         likewise
                   {factor: {pairs: pairs, within: other factor}, ...}
                                                at each value of the other factor by itself
    trend        factor, [factor, ...] or {factor: {within: other factor}, ...}: the change of R2
                 along the values of a factor, numbers in ascending order
    sizes        smoke and full: any of the above, which replaces (`set`: adds to) it
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from g2p.config.registry import CONF
from g2p.core.errors import UserError, listed, nearest
from g2p.stats.comparison import Comparison
from g2p.study.comparisons import comparisons
from g2p.study.design_checks import check_distinct, check_keys, check_number
from g2p.study.schema import read_spec

STUDIES = CONF / "study"
NO_SIZE = "it declares none; write `sizes: {full: {}}`"
BOTTOM = "bottom"  # label of a ladder's lowest rung


@dataclass(frozen=True)
class Point:
    """One run of a study: where it stands (factor -> label or value) and its overrides."""

    factors: dict
    overrides: dict


@dataclass(frozen=True)
class Study:
    """A study of one size.

    Attributes:
        name, size, question, arm: as declared.
        points: its runs, in order; several may turn out to be the same run.
        comparisons: of its arms, and trends; Holm's correction is over all of them.
    """

    name: str
    size: str
    question: str
    arm: str
    points: list[Point]
    comparisons: list[Comparison]

    @property
    def other_varying_keys(self) -> set[str]:
        """Keys beside the factors' own in which its points differ."""
        every = {key for point in self.points for key in point.overrides}
        own = {overridden_key(factor) for factor in self.points[0].factors}
        return {
            key for key in every - own
            if len({str(point.overrides.get(key)) for point in self.points}) > 1
        }  # fmt: skip


def studies() -> list[str]:
    """The names of the shipped studies."""
    return sorted(file.stem for file in STUDIES.glob("*.yaml"))


# From the overrides of every run to the phenotypes of their panel.
PhenotypeNames = Callable[[Mapping], list[str]]


def load_study(
    name: str, size: str, names: PhenotypeNames, user_overrides: Mapping | None = None
) -> Study:
    """The study `conf/study/<name>.yaml` in one of its sizes.

    Args:
        name, size: of the study.
        names: gives the panel's phenotypes.
        user_overrides: key -> value, of the user's overrides of every run.

    Raises:
        UserError: for a study, a size or a key that does not exist, a factor that is none, a rule
            that can never apply, or an override of a factor that is more than its key.
    """
    if name not in studies():
        raise UserError(
            f"study={name} does not exist.{nearest(name, studies())} "
            f"study is one of {listed(studies())}."
        )
    return plan(name, size, read_spec(STUDIES / f"{name}.yaml"), names, user_overrides)


def plan(
    name: str,
    size: str,
    declared: Mapping,
    names: PhenotypeNames,
    user_overrides: Mapping | None = None,
) -> Study:
    """The study that a YAML declares. Arguments and errors are those of `load_study`."""
    sizes = declared.get("sizes", {})
    if size not in sizes:
        raise UserError(f"size={size} is none of study={name}: {listed(sizes) or NO_SIZE}.")
    told = {**declared, **sizes[size]}
    common = declared.get("set", {}) | sizes[size].get("set", {})
    factors = {key: _values(key, value) for key, value in told.get("factors", {}).items()}
    if "phenotypes" in told:
        each = names(common) if told["phenotypes"] == "each" else told["phenotypes"]
        factors["phenotypes"] = _values("phenotype", each if isinstance(each, list) else [each])
    factors["seed"] = _values("seed", told.get("seeds", [0]))
    others = [values.get("factors", {}) for values in (declared, *sizes.values())]
    _check_rules(name, told.get("when", []), factors, others)
    for factor in factors:
        factors[factor] = _replaced(name, factor, factors[factor], user_overrides or {})
    check_number(name, factors)
    points = [
        Point(dict(zip(factors, labels, strict=True)), overrides)
        for labels, overrides in _product(factors, common)
    ]
    points = [p for p in (_conditioned(p, told.get("when", [])) for p in points) if p is not None]
    if not points:
        raise UserError(f"study={name}: its rules (when) drop every run.")
    check_keys(name, points)
    arm = told.get("arm", next(iter(factors)))
    if arm not in factors:
        raise UserError(f"study={name}: arm={arm} is none of its factors ({listed(factors)}).")
    places = [point.factors for point in points]
    compared = comparisons(
        name, told.get("compare", []), told.get("trend", []), arm, factors, places
    )
    return Study(name, size, declared.get("question", name), arm, points, compared)


def _values(key: str, declared) -> dict:
    """Label -> overrides, for one factor."""
    if isinstance(declared, Mapping) and set(declared) == {"bottom", "rungs"}:
        reached = dict(declared["bottom"])
        ladder = {BOTTOM: dict(reached)}
        check_distinct(key, [BOTTOM, *(rung["component"] for rung in declared["rungs"])])
        for rung in declared["rungs"]:
            reached = reached | rung["set"]
            ladder[rung["component"]] = reached
        return ladder
    if isinstance(declared, Mapping):
        return {label: dict(overrides or {}) for label, overrides in declared.items()}
    together = [v if isinstance(v, Mapping) else {key: v} for v in declared]
    labels = [*map(_label, declared)]
    check_distinct(key, labels)
    return dict(zip(labels, map(dict, together), strict=True))


def overridden_key(factor: str) -> str:
    """The key that a factor sets which is named by it."""
    return "phenotype" if factor == "phenotypes" else factor


def _replaced(name: str, factor: str, values: Mapping, user_overrides: Mapping) -> Mapping:
    """A factor's values; where the user overrides its key that one, else the table would lie."""
    key = overridden_key(factor)
    if key not in user_overrides:
        return values
    others = sorted({k for overrides in values.values() for k in overrides} - {key})
    if others:
        raise UserError(
            f"study={name}: {key} cannot be the same for all runs, since its factor '{factor}' "
            f"varies it together with {listed(others)}. Leave it out, or write a study of your own."
        )
    return {_label(user_overrides[key]): {key: user_overrides[key]}}


def _check_rules(name: str, rules: list, factors: Mapping, others: list[Mapping]) -> None:
    """Refuse a condition on what no size of the study has."""
    for rule in rules:
        for factor, wanted in rule["if"].items():
            if factor not in factors:
                raise UserError(
                    f"study={name}: when names {factor}, which is none of its factors "
                    f"({listed(factors)}).{nearest(str(factor), factors)}"
                )
            labels = [*factors[factor]]
            for declared in others:
                labels += _values(factor, declared[factor]) if factor in declared else []
            for label in wanted if isinstance(wanted, list) else [wanted]:
                if label not in labels:
                    raise UserError(
                        f"study={name}: when names {factor}={label!r}, which the study does not "
                        f"have.{nearest(str(label), map(str, labels))} "
                        f"There are: {listed(map(str, dict.fromkeys(labels)))}."
                    )


def _label(value):
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={inner}" for key, inner in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _product(factors: Mapping[str, dict], common: Mapping) -> Iterator[tuple[tuple, dict]]:
    for labels in itertools.product(*factors.values()):
        overrides = dict(common)
        for key, label in zip(factors, labels, strict=True):
            overrides |= factors[key][label]
        yield labels, overrides


def _conditioned(point: Point, rules: list[Mapping]) -> Point | None:
    """The point after the rules that apply to it; None when one drops it."""
    for rule in rules:
        wanted = {k: v if isinstance(v, list) else [v] for k, v in rule["if"].items()}
        if all(point.factors.get(key) in values for key, values in wanted.items()):
            if rule.get("drop"):
                return None
            point = Point(point.factors, point.overrides | rule["set"])
    return point
