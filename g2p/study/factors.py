"""The factors of a study: from a spec's values to labels and their overrides."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeGuard

from g2p.core.formatting import format_factors
from g2p.runs.cross_validation import FOLDS, ROUND
from g2p.study.design_checks import check_distinct

BOTTOM = "bottom"  # label of a ladder's lowest rung
LADDER_KEYS = {"bottom", "rungs", "references"}


def factor_values(key: str, spec: Mapping | Sequence) -> dict:
    """Return label -> overrides, for one factor.

    Args:
        key: its name, and the key of values that set nothing else.
        spec: its values, of one of the forms in `g2p.study.design`.
    """
    if is_ladder(spec):
        overrides = dict(spec["bottom"])
        ladder = {BOTTOM: dict(overrides)}
        references = spec.get("references", {})
        check_distinct(key, [BOTTOM, *(rung["component"] for rung in spec["rungs"]), *references])
        for rung in spec["rungs"]:
            overrides = overrides | rung["set"]
            ladder[rung["component"]] = overrides
        return ladder | {label: dict(values) for label, values in references.items()}
    if isinstance(spec, Mapping):
        return {label: dict(overrides or {}) for label, overrides in spec.items()}
    labels = [*map(value_label, spec)]
    check_distinct(key, labels)
    each = [dict(v) if isinstance(v, Mapping) else {key: v} for v in spec]
    return dict(zip(labels, each, strict=True))


def is_ladder(spec: Mapping | Sequence) -> TypeGuard[Mapping]:
    """Whether a factor's values are the rungs of a ladder."""
    return isinstance(spec, Mapping) and {"bottom", "rungs"} <= set(spec) <= LADDER_KEYS


def paired_values(values: Mapping, spec: Mapping | Sequence | None) -> dict:
    """Return the values of a factor that are compared: without a ladder's references.

    Args:
        values: label -> overrides, as planned.
        spec: that they were made of; None of a factor that the spec does not list.
    """
    references = spec.get("references", {}) if spec is not None and is_ladder(spec) else {}
    return {label: overrides for label, overrides in values.items() if label not in references}


def seed_values(seeds: Sequence[int], seed_keys: Sequence[str]) -> dict:
    """Return seed -> overrides: of the run's seed, and of the keys that follow it."""
    check_distinct("seed", seeds)
    return {seed: dict.fromkeys(["seed", *seed_keys], seed) for seed in seeds}


def value_label(value):
    """Return the label of a value: itself, or a text of several."""
    if isinstance(value, Mapping):
        return format_factors(value)
    return ",".join(map(str, value)) if isinstance(value, list) else value


def fold_factors(factors: Mapping[str, Mapping[Hashable, Mapping]]) -> tuple[str, ...]:
    """Return the factors that choose a run's fold, and nothing but that.

    Args:
        factors: name -> label -> overrides.
    """
    return tuple(
        name for name, values in factors.items()
        if all(set(each) <= {*FOLDS, ROUND} and {*FOLDS} & set(each) for each in values.values())
    )  # fmt: skip
