"""A benchmark's result: kept as JSON, and printed as a table."""

import json
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table


def write_result(result: Mapping[str, Mapping], file: Path, title: str) -> None:
    """Write what -> measured -> value to `file`, and print it."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(result, indent=2) + "\n")
    table = Table(title=title)
    for column in ("what", "measured", "value"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for what, values in result.items():
        for name, value in values.items():
            table.add_row(what, name, f"{value:,.3g}" if isinstance(value, float) else f"{value:,}")
    Console().print(table)
