"""The table of `g2p runs`: what differs between runs, as wide as the terminal, or as CSV."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from g2p.config.registry import GROUPS, PRESETS
from g2p.config.schema import inapplicable_keys
from g2p.core.atomic_files import write_atomically
from g2p.core.errors import OptionError
from g2p.core.formatting import format_score
from g2p.core.phrases import listed, nearest
from g2p.runs.index import StoredRun
from g2p.runs.query import filter_keys

if TYPE_CHECKING:
    import pandas as pd

# Paths and the logger change no result; the others have fixed columns.
HIDDEN_KEYS = ("paths.", "logger.", "force", "model.name", "phenotype", "seed")
MAX_CELL_WIDTH = 24  # characters of a cell
DEFAULT_SIZE = (160, 24)  # columns and lines, where there is no terminal
SEPARATOR = "  "

# Columns of every list of runs, before the keys of their configs.
FIXED = ("signature", "status", "test_r2", "epochs", "when", "error", "folder")

# What runs may be sorted by beside the keys of their configs: the best first, the latest last.
SORTED_BY: dict[str, Callable[[StoredRun], object]] = {
    "when": lambda run: run.changed,
    "r2": lambda run: None if run.r2 is None else -run.r2,
    "epochs": lambda run: run.epochs,
    "status": lambda run: run.state,
}


def sorted_by(key: str, runs: Sequence[StoredRun]) -> list[StoredRun]:
    """Sort runs by a key; those that do not have it come last.

    Raises:
        OptionError: for a key that no run has.
    """
    if key not in SORTED_BY and key not in filter_keys():
        keys = [*SORTED_BY, *filter_keys()]
        raise OptionError(
            f"sort={key} is not a sort key.{nearest(key, keys)} "
            f"Allowed: {listed(SORTED_BY)}, or a key of the runs, such as model or optim.lr."
        )
    name = f"{key}.name" if key in GROUPS and key not in PRESETS else key
    value = SORTED_BY.get(key, lambda run: options_with_effect(run).get(name))

    def order(run: StoredRun) -> tuple:
        sort_value = value(run)
        if sort_value is None:
            return 2, 0.0, ""
        is_number = isinstance(sort_value, int | float)
        return (0, sort_value, "") if is_number else (1, 0.0, as_typed(sort_value))

    return sorted(runs, key=order)


def table(runs: Sequence[StoredRun], sizes: Sequence[str] | None) -> list[str]:
    """Return the lines of a table that fits the terminal, and one that names hidden columns."""
    options = [options_with_effect(run) for run in runs]
    keys = differing(runs, options)
    fixed = {
        "signature": [run.signature for run in runs],
        "model": [as_typed(run.config.get("model.name", "")) for run in runs],
        "phenotype": [as_typed(run.config.get("phenotype", "")) for run in runs],
        "seed": [as_typed(run.config.get("seed", "")) for run in runs],
    }
    result = {
        "status": [run.state for run in runs],
        "test R2": [format_score(run.r2) for run in runs],
    }
    last = {
        "epochs": ["" if run.epochs is None else str(run.epochs) for run in runs],
        "when": [_when(run).strftime("%Y-%m-%d %H:%M") for run in runs],
        **({"size": list(sizes)} if sizes else {}),
    }
    key_columns = {
        key.removesuffix(".name"): [as_typed(o[key]) if key in o else "" for o in options]
        for key in keys
    }
    columns = fixed | key_columns | result | last
    widths = {
        name: min(MAX_CELL_WIDTH, max(map(len, [name, *cells]))) for name, cells in columns.items()
    }
    free_width = shutil.get_terminal_size(DEFAULT_SIZE).columns + len(SEPARATOR)
    free_width -= sum(widths[name] + len(SEPARATOR) for name in (*fixed, *result))
    shown = {*fixed, *result}
    for name in (*reversed(last), *key_columns):
        if widths[name] + len(SEPARATOR) <= free_width:
            shown.add(name)
            free_width -= widths[name] + len(SEPARATOR)
    names = [name for name in columns if name in shown]
    lines = [
        SEPARATOR.join(_cut(row[i]).ljust(widths[name]) for i, name in enumerate(names)).rstrip()
        for row in (names, *zip(*(columns[name] for name in names), strict=True))
    ]
    hidden = [name for name in columns if name not in shown]
    if hidden and runs:
        lines.append(f"Columns that do not fit: {listed(hidden, 8)}. csv=FILE writes all of them.")
    return lines


def records(runs: Sequence[StoredRun]) -> list[dict]:
    """Return a row for each run, with every key of its config that has an effect in it."""
    return [
        {
            "signature": run.signature,
            "status": run.state,
            "test_r2": run.r2,
            "epochs": run.epochs,
            "when": _when(run),
            "error": run.error,
            "folder": str(run.directory.folder),
            **options_with_effect(run),
        }
        for run in runs
    ]


def errors(runs: Sequence[StoredRun]) -> list[str]:
    """Return for each failed, killed or damaged run its signature and state, and the reason."""
    return [
        f"{run.signature} {run.state}: {run.error}" for run in runs if run.error is not None
    ]  # fmt: skip


def as_frame(runs: Sequence[StoredRun]) -> "pd.DataFrame":
    """Return `records` as a DataFrame; a key that has no effect in a run is missing there."""
    import pandas as pd

    rows = records(runs)
    frame = pd.DataFrame(rows, columns=_columns(rows))
    return frame.astype({"test_r2": "float64", "when": "datetime64[s]"})


def write_runs(file: Path, runs: Sequence[StoredRun]) -> None:
    """Write a row for each run with every key of its config, in full; what has no effect is empty.

    Raises:
        OSError: when the file cannot be written.
    """
    rows = []
    for row in records(runs):
        options = {key: as_typed(value) for key, value in row.items() if key not in FIXED}
        rows.append(row | options | {"when": row["when"].isoformat(timespec="seconds")})
    write_csv(file, rows, _columns(rows))


def _columns(rows: Sequence[Mapping]) -> list[str]:
    return list(dict.fromkeys([*FIXED, *(key for row in rows for key in row)]))


def write_csv(file: Path, rows: Sequence[Mapping], columns: Sequence[str]) -> None:
    """Write rows as CSV; what a row does not have is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        cells = (row.get(column) for column in columns)
        writer.writerow(["" if cell is None else as_typed(cell) for cell in cells])
    write_atomically(file, lambda out: out.write(text.getvalue().encode()))


def options_with_effect(run: StoredRun) -> dict:
    """Return a run's config without what changes nothing in it, such as an optimizer for ridge."""
    groups: dict[str, dict] = {}
    for key, value in run.config.items():
        group, _, option = key.partition(".")
        groups.setdefault(group, {})[option] = value
    try:
        idle = inapplicable_keys(groups)
    except (LookupError, OSError, TypeError):  # damaged, or of a version with other keys
        idle = {}
    return {key: value for key, value in run.config.items() if key not in idle}


def differing(runs: Sequence[StoredRun], options: Sequence[Mapping]) -> list[str]:
    """Return the keys that differ between runs of the same choice of their group.

    What differs between two models alone, as their files have it, the model's name says.
    """
    seen: dict[str, dict[str | None, set[str]]] = {}
    for run, run_options in zip(runs, options, strict=True):
        for key, value in run_options.items():
            name = f"{key.partition('.')[0]}.name"
            choice = None if key == name else as_typed(run.config.get(name))
            seen.setdefault(key, {}).setdefault(choice, set()).add(str(value))
    return [
        key for key, by_choice in seen.items()
        if not key.startswith(HIDDEN_KEYS) and any(len(values) > 1 for values in by_choice.values())
    ]  # fmt: skip


def as_typed(value: object) -> str:
    """Return a value as one would type it."""
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _when(run: StoredRun) -> datetime:
    return datetime.fromtimestamp(run.changed)


def _cut(cell: str) -> str:
    return cell if len(cell) <= MAX_CELL_WIDTH else f"{cell[: MAX_CELL_WIDTH - 1]}…"
