"""Nested mappings, such as configs, as flat ones."""

from collections.abc import Mapping


def flatten(config: Mapping, above: str = "") -> dict:
    """Return dotted key -> value: `{model: {num_layers: 2}}` as `{model.num_layers: 2}`."""
    flat = {}
    for key, value in config.items():
        inner = isinstance(value, Mapping)
        flat |= flatten(value, f"{above}{key}.") if inner else {f"{above}{key}": value}
    return flat
