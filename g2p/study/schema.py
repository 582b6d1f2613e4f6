"""A study's YAML, read and checked for the shape that `g2p.study.design` describes."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from g2p.core.errors import G2PError, OptionError
from g2p.core.phrases import listed, nearest
from g2p.core.yaml_file import read_yaml
from g2p.study.factors import is_ladder

# Key -> the types that its value may have.
KINDS = {
    "question": (str,), "set": (dict,), "factors": (dict,), "phenotypes": (str, list),
    "seeds": (list,), "seed_keys": (list,), "when": (list,), "arm": (str,),
    "compare": (str, list, dict), "trend": (str, list, dict), "crossing": (dict,),
    "select": (dict,), "explain": (bool, dict), "sizes": (dict,),
}  # fmt: skip
# How a factor's value is chosen: in each seed by itself, or in the first for all of them.
SELECT_WAYS = ("validation", "first_seed")
TYPE_NAMES = {
    str: "text",
    int: "a whole number",
    list: "a list",
    dict: "a mapping",
    bool: "true or false",
}


def read_spec(file: Path) -> dict:
    """Read the spec in a study's file.

    Raises:
        OptionError: naming the file, and the wrong line or key.
    """
    try:
        spec: Any = OmegaConf.to_container(OmegaConf.load(StringIO(read_yaml(file))))
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise OptionError(f"{file} cannot be read: {' '.join(str(error).split())}") from None
    try:
        check_shape(spec)
    except G2PError as error:
        raise OptionError(f"{file}: {error}") from None
    return spec


def check_shape(spec: Any) -> None:
    """Refuse a key that does not exist, or a value that is not of its kind."""
    _check_type("the file", spec, dict)
    sizes = spec.get("sizes", {})
    _check_type("sizes", sizes, dict)
    for size, size_spec in sizes.items():
        _check_type(f"sizes.{size}", size_spec, dict)
        _check_keys(f"sizes.{size}.", size_spec, {k: v for k, v in KINDS.items() if k != "sizes"})
    _check_keys("", spec, KINDS)


def _check_keys(above: str, spec: Mapping, kinds: Mapping[str, tuple]) -> None:
    for key, value in spec.items():
        if key not in kinds:
            raise OptionError(
                f"{above}{key} is not a key of a study.{nearest(str(key), kinds)} "
                f"Allowed: {listed(sorted(kinds))}."
            )
        _check_type(f"{above}{key}", value, *kinds[key])
    for name, values in spec.get("factors", {}).items():
        if not name.strip():
            raise OptionError(f"{above}factors has a factor without a name.")
        if name in ("seed", "phenotypes"):
            raise OptionError(
                f"{above}factors.{name} cannot be a factor: write {above}seeds or "
                f"{above}phenotypes, beside the factors."
            )
        _check_factor(f"{above}factors.{name}", values)
    for i, rule in enumerate(spec.get("when", [])):
        _check_rule(f"{above}when[{i}]", rule)
    listed_kinds = (("seeds", (int,)), ("phenotypes", (str, list)), ("seed_keys", (str,)))
    for key, element_kinds in listed_kinds:
        values = spec.get(key, "each")
        if values == []:
            raise OptionError(f"{above}{key} is empty.")
        for i, value in enumerate(values if isinstance(values, list) else []):
            _check_type(f"{above}{key}[{i}]", value, *element_kinds)
    ways = spec.get("select", {})
    for factor, way in ways.items():
        if way not in SELECT_WAYS:
            raise OptionError(
                f"{above}select.{factor} must be {' or '.join(SELECT_WAYS)}, not {way!r}."
            )
    if len(set(ways.values())) > 1:
        raise OptionError(f"{above}select must choose all its factors in the same way.")
    _check_compare(f"{above}compare", spec.get("compare", []))
    _check_trend(f"{above}trend", spec.get("trend", []))
    for factor, pairs in spec.get("crossing", {}).items():
        _check_pairs(f"{above}crossing.{factor}", pairs)


def _check_compare(where: str, compare: Any) -> None:
    if isinstance(compare, dict):
        for name, spec in compare.items():
            pairs_key, pairs = f"{where}.{name}", spec
            if isinstance(spec, dict):
                _check_mapping(pairs_key, spec, {"pairs", "within"}, {"pairs"})
                _check_within(pairs_key, spec)
                pairs_key, pairs = f"{pairs_key}.pairs", spec["pairs"]
            _check_pairs(pairs_key, pairs)
    else:
        _check_pairs(where, compare)


def _check_trend(where: str, trend: Any) -> None:
    for name in [trend] if isinstance(trend, str) else trend:
        _check_type(where, name, str)
        if isinstance(trend, dict) and trend[name] is not None:
            _check_mapping(f"{where}.{name}", trend[name], {"within"}, set())
            _check_within(f"{where}.{name}", trend[name])


def _check_within(where: str, spec: Mapping) -> None:
    if "within" in spec:
        _check_type(f"{where}.within", spec["within"], str)


def _check_factor(where: str, values: Any) -> None:
    _check_type(where, values, list, dict)
    if not values:
        raise OptionError(f"the factor {where} has no values.")
    if isinstance(values, list):
        return
    if not is_ladder(values):
        for label, overrides in values.items():
            if overrides is not None:
                _check_type(f"{where}.{label}", overrides, dict)
        return
    _check_type(f"{where}.bottom", values["bottom"], dict)
    _check_type(f"{where}.rungs", values["rungs"], list)
    _check_type(f"{where}.references", values.get("references", {}), dict)
    for label, overrides in values.get("references", {}).items():
        _check_type(f"{where}.references.{label}", overrides, dict)
    for i, rung in enumerate(values["rungs"]):
        _check_mapping(f"{where}.rungs[{i}]", rung, {"component", "set"}, {"component", "set"})
        _check_type(f"{where}.rungs[{i}].component", rung["component"], str)
        _check_type(f"{where}.rungs[{i}].set", rung["set"], dict)


def _check_rule(where: str, rule: Any) -> None:
    _check_mapping(where, rule, {"if", "set", "drop"}, {"if"})
    _check_type(f"{where}.if", rule["if"], dict)
    if rule.get("drop"):
        return
    _check_mapping(where, rule, {"if", "set", "drop"}, {"set"})
    _check_type(f"{where}.set", rule["set"], dict)


def _check_pairs(where: str, pairs: Any) -> None:
    if isinstance(pairs, str) and pairs != "ladder":
        raise OptionError(f"{where} must be ladder, or pairs, not {pairs!r}.")
    _check_type(where, pairs, list, str)
    if pairs == "ladder":
        return
    for i, pair in enumerate(pairs):
        if not isinstance(pair, list) or len(pair) != 2:
            raise OptionError(f"{where}[{i}] must be a pair, [a, b], not {pair!r}.")
        if pair[0] == pair[1]:
            raise OptionError(f"{where}[{i}] compares {pair[0]} with itself.")
        if pair in pairs[:i] or pair[::-1] in pairs[:i]:
            raise OptionError(f"{where}[{i}] compares {pair[0]} with {pair[1]} a second time.")


def _check_mapping(where: str, value: Any, allowed: set[str], needed: set[str]) -> None:
    _check_type(where, value, dict)
    for key in value:
        if key not in allowed:
            raise OptionError(f"{where}.{key} is not a key. Allowed: {listed(sorted(allowed))}.")
    for key in sorted(needed - set(value)):
        raise OptionError(f"{where}.{key} is missing.")


def _check_type(where: str, value: Any, *kinds: type) -> None:
    if not isinstance(value, kinds):
        kind = " or ".join(TYPE_NAMES[kind] for kind in kinds)
        raise OptionError(f"{where} must be {kind}, not {value!r}.")
