"""`python sweep.py --runs [key=value ...]`: which runs there are, and what differs between them.

    --runs       list the runs below paths.runs that fit every key=value, as for train.py
    key=a,b      either of them; interval(a,b): between
    phenotype=a  among those that a run predicts
    status=a     done, running, unfinished (killed, or failed on the way) or damaged
    --prune      delete what is listed, once you have said yes
    --yes        say yes now

What a process is training is never deleted.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from rich.console import Console

from g2p.compose import composed
from g2p.errors import UserError, listed
from g2p.study.filters import filter_of
from g2p.study.prune import prune, size
from g2p.study.stored import STATES, StoredRun, stored_runs

# Where files lie and what is logged changes no result; the others have columns of their own.
NO_COLUMN = ("paths.", "logger.", "force", "model.name", "phenotype", "seed")


def browse(words: list[str], flags: set[str], console: Console) -> None:
    """List the runs that fit the words, and prune them if asked to.

    Raises:
        UserError: for a word that is no filter, or when nobody can be asked before they are pruned.
    """
    where = [word for word in words if word.startswith("paths.runs=")]
    folder = Path(composed(where, of_many=True)["paths"]["runs"]).expanduser().absolute()
    fits = [filter_of(word) for word in words if word not in where]
    if not folder.is_dir():
        raise UserError(f"there are no runs: {folder} does not exist. paths.runs says where.")
    runs = [run for run in stored_runs(folder) if all(fit(run) for fit in fits)]
    sizes = [size(run) for run in runs] if "--prune" in flags else None
    for line in _table(runs, sizes):
        print(line)
    counts = Counter(run.state for run in runs)
    told = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    console.print(
        f"{_runs(len(runs))} in {folder}" + (f": {told}." if told else "."), soft_wrap=True
    )
    if sizes and runs:
        _prune(runs, _bytes(sum(sizes)), "--yes" in flags, console)


def _prune(runs: list[StoredRun], total: str, sure: bool, console: Console) -> None:
    if not sure and not sys.stdin.isatty():
        raise UserError(
            "nothing was deleted: there is no terminal to ask whether "
            f"{_runs(len(runs))} ({total}) may go. --yes says so."
        )
    if not sure:
        answer = console.input(f"Delete {_runs(len(runs))} ({total})? \\[y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            console.print("Nothing was deleted.")
            return
    kept = [run.signature for run in runs if prune(run) is None]
    left = f" Kept, because a process is at it: {listed(kept)}." if kept else ""
    console.print(f"Deleted {_runs(len(runs) - len(kept))}.{left}", soft_wrap=True)


def _table(runs: list[StoredRun], sizes: list[int] | None) -> list[str]:
    """Lines: of each run what it is, what differs, and what it reached."""
    keys = _differing(runs)
    names = [key.removesuffix(".name") for key in keys]
    rows = [["signature", "model", "phenotype", "seed", *names, "status", "test R2", "epochs"]]
    rows[0] += ["when", "size"] if sizes else ["when"]
    for i, run in enumerate(runs):
        rows.append([
            run.signature, *(_told(run.config, key) for key in ("model.name", "phenotype", "seed")),
            *(_told(run.config, key) for key in keys), run.state,
            "" if run.r2 is None else f"{run.r2:.3f}",
            "" if run.epochs is None else str(run.epochs),
            datetime.fromtimestamp(run.changed).strftime("%Y-%m-%d %H:%M"),
            *([_bytes(sizes[i])] if sizes else []),
        ])  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _differing(runs: list[StoredRun]) -> list[str]:
    """The keys whose values differ among the runs that have them."""
    seen: dict[str, set] = {}
    for run in runs:
        for key, value in run.config.items():
            seen.setdefault(key, set()).add(str(value))
    return [
        key for key, values in seen.items() if len(values) > 1 and not key.startswith(NO_COLUMN)
    ]


def _told(config: Mapping, key: str) -> str:
    """A value as one would type it; nothing where the run has none."""
    if key not in config:
        return ""
    value = config[key]
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _bytes(number: int) -> str:
    return f"{number / 2**20:.1f} MiB"


def _runs(number: int) -> str:
    return f"{number} run" if number == 1 else f"{number} runs"
