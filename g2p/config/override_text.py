"""An override as a text of Hydra's grammar, which reads back as the value it was made of."""

import re


def format_override(key: str, value) -> str:
    """`key=value` as Hydra's command line has it."""
    return f"{key}={format_value(value)}"


def format_value(value) -> str:
    """A value as Hydra's grammar reads it back: a text is quoted."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(format_value, value))}]"
    if isinstance(value, str):
        # Backslashes count as such unless a quote follows them.
        return "'" + re.sub(r"(\\*)('|$)", _escape, value) + "'"
    return str(value)


def _escape(match: re.Match) -> str:
    return match[1] * 2 + ("\\'" if match[2] else "")
