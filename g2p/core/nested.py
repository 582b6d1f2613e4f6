"""Nested mappings, such as configs, as flat ones; a function of every value in nested ones."""

from collections.abc import Callable, Mapping
from typing import Any


def flatten(config: Mapping, above: str = "") -> dict:
    """Return dotted key -> value: `{model: {num_layers: 2}}` as `{model.num_layers: 2}`."""
    flat = {}
    for key, value in config.items():
        inner = isinstance(value, Mapping)
        flat |= flatten(value, f"{above}{key}.") if inner else {f"{above}{key}": value}
    return flat


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """Return nested dicts, lists and tuples with `function` of each value in them."""
    if isinstance(value, dict):
        return {key: map_leaves(function, item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map_leaves(function, item) for item in value)
    return function(value)
