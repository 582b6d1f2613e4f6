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


def format_duration(seconds: float) -> str:
    """A duration in words, as exact as an estimate is."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"


def format_score(value: float | None) -> str:
    """A score with three digits; empty where there is none."""
    return "" if value is None else f"{value:z.3f}"
