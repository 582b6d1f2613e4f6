"""Text for values in tables, figures and tags."""

from collections.abc import Mapping


def label(value) -> str:
    """The text of a factor's value."""
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def format_factors(factors: Mapping) -> str:
    """Factors with their values, `model.ffn=True, seed=1`, as a message names a run."""
    return ", ".join(f"{key}={value}" for key, value in factors.items())
