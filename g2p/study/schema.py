"""A study's YAML, read and known to have the shape that `g2p.study.design` describes."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from g2p.core.errors import UserError, listed, nearest
from g2p.core.yaml_file import read_yaml

# Of each key, what its value may be.
KINDS = {
    "question": (str,), "set": (dict,), "factors": (dict,), "phenotypes": (str, list),
    "seeds": (list,), "when": (list,), "arm": (str,), "compare": (str, list, dict),
    "trend": (str, list, dict),
    "sizes": (dict,),
}  # fmt: skip
WORDS = {
    str: "text",
    int: "a whole number",
    list: "a list",
    dict: "a mapping",
    bool: "true or false",
}


def read_spec(file: Path) -> dict:
    """What a study's file declares.

    Raises:
        UserError: naming the file, and the line or the key that is wrong.
    """
    try:
        declared = OmegaConf.to_container(OmegaConf.load(StringIO(read_yaml(file))))
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise UserError(f"{file} cannot be read: {' '.join(str(error).split())}") from None
    try:
        check_shape(declared)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    return declared


def check_shape(declared: object) -> None:
    """Refuse a key that does not exist, or a value that is not of its kind."""
    _be("the file", declared, dict)
    sizes = declared.get("sizes", {})
    _be("sizes", sizes, dict)
    for size, told in sizes.items():
        _be(f"sizes.{size}", told, dict)
        _check_keys(f"sizes.{size}.", told, {k: v for k, v in KINDS.items() if k != "sizes"})
    _check_keys("", declared, KINDS)


def _check_keys(above: str, told: Mapping, kinds: Mapping[str, tuple]) -> None:
    for key, value in told.items():
        if key not in kinds:
            raise UserError(
                f"{above}{key} is no key of a study.{nearest(str(key), kinds)} "
                f"Allowed: {listed(sorted(kinds))}."
            )
        _be(f"{above}{key}", value, *kinds[key])
    for name, values in told.get("factors", {}).items():
        if not name.strip():
            raise UserError(f"{above}factors has one without a name.")
        if name in ("seed", "phenotypes"):
            raise UserError(
                f"{above}factors.{name} is no factor of its own: write {above}seeds or "
                f"{above}phenotypes, beside the factors."
            )
        _check_factor(f"{above}factors.{name}", values)
    for i, rule in enumerate(told.get("when", [])):
        _check_rule(f"{above}when[{i}]", rule)
    for key, kinds in (("seeds", (int,)), ("phenotypes", (str, list))):
        values = told.get(key, "each")
        if values == []:
            raise UserError(f"{above}{key} is empty.")
        for i, value in enumerate(values if isinstance(values, list) else []):
            _be(f"{above}{key}[{i}]", value, *kinds)
    compare = told.get("compare", [])
    for name, spec in compare.items() if isinstance(compare, dict) else [(None, compare)]:
        where = f"{above}compare.{name}" if name is not None else f"{above}compare"
        if isinstance(spec, dict):
            _have(where, spec, {"pairs", "within"}, {"pairs"})
            _check_within(where, spec)
            where, spec = f"{where}.pairs", spec["pairs"]
        _check_pairs(where, spec)
    trend = told.get("trend", [])
    for name in [trend] if isinstance(trend, str) else trend:
        _be(f"{above}trend", name, str)
        if isinstance(trend, dict) and trend[name] is not None:
            _have(f"{above}trend.{name}", trend[name], {"within"}, set())
            _check_within(f"{above}trend.{name}", trend[name])


def _check_within(where: str, spec: Mapping) -> None:
    if "within" in spec:
        _be(f"{where}.within", spec["within"], str)


def _check_factor(where: str, values: object) -> None:
    _be(where, values, list, dict)
    if isinstance(values, list) and values:
        return
    if not values:
        raise UserError(f"the factor {where} has no values.")
    if set(values) != {"bottom", "rungs"}:
        for label, overrides in values.items():
            if overrides is not None:
                _be(f"{where}.{label}", overrides, dict)
        return
    _be(f"{where}.bottom", values["bottom"], dict)
    _be(f"{where}.rungs", values["rungs"], list)
    for i, rung in enumerate(values["rungs"]):
        _have(f"{where}.rungs[{i}]", rung, {"component", "set"}, {"component", "set"})
        _be(f"{where}.rungs[{i}].component", rung["component"], str)
        _be(f"{where}.rungs[{i}].set", rung["set"], dict)


def _check_rule(where: str, rule: object) -> None:
    _have(where, rule, {"if", "set", "drop"}, {"if"})
    _be(f"{where}.if", rule["if"], dict)
    if rule.get("drop"):
        return
    _have(where, rule, {"if", "set", "drop"}, {"set"})
    _be(f"{where}.set", rule["set"], dict)


def _check_pairs(where: str, pairs: object) -> None:
    if isinstance(pairs, str) and pairs != "ladder":
        raise UserError(f"{where} must be ladder, or pairs, not {pairs!r}.")
    _be(where, pairs, list, str)
    if pairs == "ladder":
        return
    for i, pair in enumerate(pairs):
        if not isinstance(pair, list) or len(pair) != 2:
            raise UserError(f"{where}[{i}] must be a pair, [a, b], not {pair!r}.")
        if pair[0] == pair[1]:
            raise UserError(f"{where}[{i}] compares {pair[0]} with itself.")
        if pair in pairs[:i] or pair[::-1] in pairs[:i]:
            raise UserError(f"{where}[{i}] compares {pair[0]} with {pair[1]} a second time.")


def _have(where: str, value: object, allowed: set[str], needed: set[str]) -> None:
    _be(where, value, dict)
    for key in value:
        if key not in allowed:
            raise UserError(f"{where}.{key} is no key of it. Allowed: {listed(sorted(allowed))}.")
    for key in sorted(needed - set(value)):
        raise UserError(f"{where}.{key} is missing.")


def _be(where: str, value: object, *kinds: type) -> None:
    if not isinstance(value, kinds):
        kind = " or ".join(WORDS[kind] for kind in kinds)
        raise UserError(f"{where} must be {kind}, not {value!r}.")
