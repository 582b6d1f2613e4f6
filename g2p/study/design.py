"""From a study's YAML to its runs.

The spec of a study, `conf/study/<name>.yaml` or a user's own file, has these keys:

    question     what it answers, in a sentence
    set          overrides of every run, `key: value`
    factors      name -> values; the runs are the product. A factor's values are
                   [1, 2, 3]                    values of the key that the factor is named by
                   {label: {key: value}, ...}   overrides, which may swap a whole group
                   [{key: value, ...}, ...]     keys that vary together
                   {bottom: {...}, rungs: [{component: label, set: {...}}, ...]}
                                                each rung adds `set` to the one before;
                                                references: {label: {key: value}, ...} beside these
                                                are models that are drawn as lines
    phenotypes   `all` in one run, `each` in a run of its own, or a list of names, likewise
    seeds        a list; `seeds=` on the command line replaces it
    seed_keys    keys that have the value of the seed, too: with [split.seed] each has its own split
    when         [{if: {factor: value or values}, set: {...}}, or {..., drop: true}, ...]
    arm          the factor whose values are compared
    compare      [[a, b], ...]: differences b - a of the arm, over all other factors;
                 `ladder`: each value of the arm with the one before it; or, of other factors,
                   {factor: pairs, ...}         likewise
                   {factor: {pairs: pairs, within: other factor}, ...}
                                                at each value of the other factor by itself
    trend        factor, [factor, ...] or {factor: {within: other factor}, ...}: the change of R2
                 along the values of a factor, numbers in ascending order
    crossing     {factor: pairs, ...}: where along this factor, of positive numbers in ascending
                 order, R2 of the second arm of a pair overtakes that of the first
    select       {factor: validation, ...}: of the runs that differ in these factors alone, the one
                 with the best validation R2 counts; `results.parquet` has all. With `first_seed`
                 for `validation`, all are trained in the first seed alone, and the best value
                 there in the other seeds
    explain      true, or options of `g2p explain`: each finished run is explained, and the report
                 says what its model found; against the truth, where the panel has that
    sizes        full, smoke and others: any of the above, which replaces it (of `set` and
                 `factors`, the entries of the same name)
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from g2p.core.errors import OptionError
from g2p.core.phrases import listed
from g2p.explain.options import ExplainOptions, explain_options
from g2p.stats.comparison import Comparison
from g2p.stats.crossing import CurvePair
from g2p.study.comparisons import comparisons
from g2p.study.crossings import curve_pairs
from g2p.study.design_checks import check_keys, check_number, check_select
from g2p.study.factors import factor_values, fold_factors, paired_values, seed_values, value_label
from g2p.study.rules import check_rules, rule_overrides
from g2p.study.schema import read_spec
from g2p.study.study_files import study_file

NO_SIZE = "none; write `sizes: {full: {}}`"


@dataclass(frozen=True)
class Point:
    """A combination of a study's factors (factor -> label or value), and its overrides.

    It is not a run yet: `g2p.study.expand.StudyRun` is, and may be several points.
    """

    factors: dict
    overrides: dict


@dataclass(frozen=True)
class Study:
    """A study of one size.

    Attributes:
        name, size, question, arm: as in the spec.
        points: in order; several may turn out to be the same run.
        comparisons: of its arms, and trends; Holm's correction covers all of them.
        select: factors of which each arm and replicate counts with its best value on validation.
        folds: factors that choose a run's fold of a cross-validation.
        file: of the spec.
        crossings: pairs of arms whose curves are asked where they cross.
        explain: how closely each run is explained; None: it is not.
        first_seed: the seed that chooses these values for all others; None: each chooses its own.
    """

    name: str
    size: str
    question: str
    arm: str
    points: list[Point]
    comparisons: list[Comparison]
    select: tuple[str, ...] = ()
    first_seed: int | None = None
    crossings: tuple[CurvePair, ...] = ()
    folds: tuple[str, ...] = ()
    explain: ExplainOptions | None = None
    file: Path = Path()

    @property
    def other_varying_keys(self) -> set[str]:
        """The keys that its points differ in, without those that a factor is named by."""
        every = {key for point in self.points for key in point.overrides}
        factor_keys = {overridden_key(factor) for factor in self.points[0].factors}
        return {
            key for key in every - factor_keys
            if len({str(point.overrides.get(key)) for point in self.points}) > 1
        }  # fmt: skip


# From the overrides of every run to the names of their panel's phenotypes.
PhenotypeNames = Callable[[Mapping], list[str]]


def load_study(
    name: str, size: str, phenotype_names: PhenotypeNames, user_overrides: Mapping | None = None,
    seeds: Sequence[int] | None = None,
) -> Study:  # fmt: skip
    """The study of this name, or in this file, in one of its sizes.

    Args:
        name: of the study, or the path of its file.
        size: of the study.
        phenotype_names: returns the names of the panel's phenotypes.
        user_overrides: key -> value, of the user's overrides of every run.
        seeds: instead of the spec's.

    Raises:
        OptionError: for a study, a size or a key that does not exist, a factor that is none, a rule
            that can never apply, or an override of a factor that sets other keys too.
    """
    file = study_file(name)
    study = plan(file.stem, size, read_spec(file), phenotype_names, user_overrides, seeds)
    return replace(study, file=file)


def plan(
    name: str,
    size: str,
    spec: Mapping,
    phenotype_names: PhenotypeNames,
    user_overrides: Mapping | None = None,
    seeds: Sequence[int] | None = None,
) -> Study:
    """The study of a spec. Arguments and errors are those of `load_study`."""
    sizes = spec.get("sizes", {})
    if size not in sizes:
        raise OptionError(
            f"study={name} has no size={size}. Its sizes: {listed(sizes) or NO_SIZE}."
        )
    chosen = {**spec, **sizes[size]}
    common = spec.get("set", {}) | sizes[size].get("set", {})
    specs = spec.get("factors", {}) | sizes[size].get("factors", {})
    factors: dict[str, Mapping] = {key: factor_values(key, value) for key, value in specs.items()}
    if "phenotypes" in chosen:
        names = chosen["phenotypes"]
        names = phenotype_names(common) if names == "each" else names
        factors["phenotypes"] = factor_values(
            "phenotype", names if isinstance(names, list) else [names]
        )
    select = chosen.get("select", {})
    all_seeds = chosen.get("seeds", [0])
    seeds = [*(seeds or all_seeds)]
    if "first_seed" in select.values() and all_seeds[0] not in seeds:
        seeds.insert(0, all_seeds[0])
    factors["seed"] = seed_values(seeds, chosen.get("seed_keys", []))
    size_factors = [each.get("factors", {}) for each in (spec, *sizes.values())]
    rules = chosen.get("when", [])
    check_rules(name, rules, factors, size_factors)
    for factor in factors:
        factors[factor] = _override_factor(name, factor, factors[factor], user_overrides or {})
    check_number(name, factors)
    points = list(_points(factors, common, rules))
    if not points:
        raise OptionError(f"study={name}: its rules (when) drop every run.")
    check_keys(name, points)
    arm = chosen.get("arm", next(iter(factors)))
    if arm not in factors:
        raise OptionError(f"study={name}: arm={arm} is not one of its factors ({listed(factors)}).")
    check_select(name, select, factors, arm)
    point_factors = [point.factors for point in points]
    pairable = {
        key: paired_values(factors[key], specs.get(key)) for key in factors if key not in select
    }
    compared = comparisons(
        name, chosen.get("compare", []), chosen.get("trend", []), arm, pairable, point_factors
    )
    crossings = curve_pairs(name, chosen.get("crossing", {}), arm, pairable, point_factors)
    return Study(
        name, size, spec.get("question", name), arm, points, compared, tuple(select),
        first_seed=next(iter(factors["seed"])) if "first_seed" in select.values() else None,
        crossings=tuple(crossings), folds=fold_factors(factors),
        explain=_explain_options(chosen.get("explain", False)),
    )  # fmt: skip


def _explain_options(value: bool | Mapping) -> ExplainOptions | None:
    """Return how runs are explained, of a spec's `explain`; None: not at all."""
    if value is False:
        return None
    return explain_options({} if value is True else value)


def overridden_key(factor: str) -> str:
    """The key that a factor is named by, and overrides."""
    return "phenotype" if factor == "phenotypes" else factor


def _override_factor(name: str, factor: str, values: Mapping, user_overrides: Mapping) -> Mapping:
    """A factor's values, or the user's value of its key: the results must name what was trained."""
    key = overridden_key(factor)
    if key not in user_overrides:
        return values
    other_keys = sorted({k for overrides in values.values() for k in overrides} - {key})
    if other_keys:
        raise OptionError(
            f"study={name}: {key} cannot be the same for all runs, since its factor '{factor}' "
            f"varies it together with {listed(other_keys)}. Remove the override, or write your own "
            "study."
        )
    return {value_label(user_overrides[key]): {key: user_overrides[key]}}


def _points(factors: Mapping[str, Mapping], common: Mapping, rules: list) -> Iterator[Point]:
    """Yield the product of the factors, without the points that a rule drops."""
    for labels in itertools.product(*factors.values()):
        point = dict(zip(factors, labels, strict=True))
        by_rules = rule_overrides(point, rules)
        if by_rules is not None:
            overrides = dict(common)
            for key, label in point.items():
                overrides |= factors[key][label]
            yield Point(point, overrides | by_rules)
