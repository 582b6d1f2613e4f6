"""The table of `sweep.py --runs`: what differs between runs, as wide as the terminal, or as CSV."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from g2p.config.registry import GROUPS, PRESETS
from g2p.config.schema import inapplicable_keys
from g2p.core.atomic_files import write_atomically
from g2p.core.errors import UserError, listed, nearest
from g2p.runs.index import StoredRun
from g2p.runs.query import filter_keys

# Where files lie and what is logged changes no result; the others have columns of their own.
NO_COLUMN = ("paths.", "logger.", "force", "model.name", "phenotype", "seed")
WIDEST = 24  # characters of a cell
ELSEWHERE = (160, 24)  # columns and lines, where there is no terminal
SPACE = "  "

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
        UserError: for a key that no run has.
    """
    value = SORTED_BY.get(key)
    if value is None:
        if key not in filter_keys():
            keys = [*SORTED_BY, *filter_keys()]
            raise UserError(
                f"sort={key} is nothing to sort by.{nearest(key, keys)} "
                f"It may be {listed(SORTED_BY)}, or a key of the runs, such as model or optim.lr."
            )
        name = f"{key}.name" if key in GROUPS and key not in PRESETS else key

        def value(run: StoredRun) -> object:
            return options_with_effect(run).get(name)

    def order(run: StoredRun) -> tuple:
        own = value(run)
        if own is None:
            return 2, 0.0, ""
        is_number = isinstance(own, int | float)
        return (0, own, "") if is_number else (1, 0.0, as_typed(own))

    return sorted(runs, key=order)


def table(runs: Sequence[StoredRun], sizes: Sequence[str] | None) -> list[str]:
    """Return the lines of a table that fits the terminal, and one that says what it leaves out."""
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
        "test R2": ["" if run.r2 is None else f"{run.r2:z.3f}" for run in runs],
    }
    last = {
        "epochs": ["" if run.epochs is None else str(run.epochs) for run in runs],
        "when": [_when(run).strftime("%Y-%m-%d %H:%M") for run in runs],
        **({"size": list(sizes)} if sizes else {}),
    }
    of_keys = {
        key.removesuffix(".name"): [as_typed(own[key]) if key in own else "" for own in options]
        for key in keys
    }
    columns = fixed | of_keys | result | last
    widths = {name: min(WIDEST, max(map(len, [name, *cells]))) for name, cells in columns.items()}
    left = shutil.get_terminal_size(ELSEWHERE).columns + len(SPACE)
    left -= sum(widths[name] + len(SPACE) for name in (*fixed, *result))
    shown = {*fixed, *result}
    for name in (*reversed(last), *of_keys):
        if widths[name] + len(SPACE) <= left:
            shown.add(name)
            left -= widths[name] + len(SPACE)
    names = [name for name in columns if name in shown]
    lines = [
        SPACE.join(_cut(row[i]).ljust(widths[name]) for i, name in enumerate(names)).rstrip()
        for row in (names, *zip(*(columns[name] for name in names), strict=True))
    ]
    hidden = [name for name in columns if name not in shown]
    if hidden and runs:
        lines.append(f"Not shown, for want of width: {listed(hidden, 8)}. csv=FILE has all of it.")
    return lines


def write_csv(file: Path, runs: Sequence[StoredRun]) -> None:
    """Write a row for each run with every key of its config, in full; what has no effect is empty.

    Raises:
        OSError: when the file cannot be written.
    """
    options = [options_with_effect(run) for run in runs]
    keys = list(dict.fromkeys(key for own in options for key in own))
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["signature", "status", "test_r2", "epochs", "when", *keys])
    for run, own in zip(runs, options, strict=True):
        rows.writerow([
            run.signature, run.state, run.r2, run.epochs, _when(run).isoformat(timespec="seconds"),
            *(as_typed(own[key]) if key in own else "" for key in keys),
        ])  # fmt: skip
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
    for run, own in zip(runs, options, strict=True):
        for key, value in own.items():
            name = f"{key.partition('.')[0]}.name"
            choice = None if key == name else as_typed(run.config.get(name))
            seen.setdefault(key, {}).setdefault(choice, set()).add(str(value))
    return [
        key for key, by_choice in seen.items()
        if not key.startswith(NO_COLUMN) and any(len(values) > 1 for values in by_choice.values())
    ]  # fmt: skip


def as_typed(value: object) -> str:
    """Return a value as one would type it."""
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _when(run: StoredRun) -> datetime:
    return datetime.fromtimestamp(run.changed)


def _cut(cell: str) -> str:
    return cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 1]}…"
