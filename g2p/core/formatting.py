"""Values as they are shown."""


def label(value) -> str:
    """A factor's value as it is shown."""
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
