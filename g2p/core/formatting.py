"""Text for values in tables, figures and tags."""


def label(value) -> str:
    """The text of a factor's value."""
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
