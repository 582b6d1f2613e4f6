"""Every run below `paths.runs`, read from its directory, ten thousand of them in a few seconds."""

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from g2p.results.record import Record
from g2p.study.ledger import in_training

STATES = ("done", "running", "unfinished", "damaged")
SIGNATURE = re.compile(r"[0-9a-f]{16}")
SECTION = re.compile(r"^(?=[A-Za-z_])", re.MULTILINE)  # a top-level key; a list's dash is none
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, eq=False)
class StoredRun:
    """One run's directory.

    Attributes:
        record: the directory.
        state: done, running (a process holds its lock), unfinished (killed, or it failed on the
            way), or damaged (one of its files cannot be read).
        changed: when it ended or was last written to, in seconds since 1970.
        config: dotted key -> value; empty where there is none, or it is damaged.
        phenotypes: as its config has them, and, once it is done, as its panel has them.
        r2: mean test R2, once it is done.
        epochs: so far.
    """

    record: Record
    state: str
    changed: float
    config: dict = field(default_factory=dict)
    phenotypes: frozenset = frozenset()
    r2: float | None = None
    epochs: int | None = None

    @property
    def signature(self) -> str:
        return self.record.folder.name


def stored_runs(folder: Path) -> list[StoredRun]:
    """The runs in a folder, the latest last; what is not named by a signature is no run."""
    found = [Record(path) for path in folder.iterdir() if SIGNATURE.fullmatch(path.name)]
    with ThreadPoolExecutor(16) as threads:  # a network's folders answer slowly, but many at once
        runs = [run for run in threads.map(_read, found) if run is not None]
    return sorted(runs, key=lambda run: (run.changed, run.signature))


def _read(record: Record) -> StoredRun | None:
    """The run, or None where it was removed meanwhile."""
    try:
        written = [record.folder / name for name in ("metrics.json", "history.parquet", "")]
        changed = next(file for file in written if file.exists()).stat().st_mtime
        text = _text(record.folder / "config.yaml")
        metrics = _text(record.folder / "metrics.json")
    except (StopIteration, FileNotFoundError):
        return None
    config, scores = {}, {}
    try:
        config = _flat_config(text or "")
        names = config.get("phenotype", [])
        names = {names} if isinstance(names, str) else set(names)
        if metrics is not None:
            state, known = "done", json.loads(metrics)
            names |= known["test"]["r2"].keys()
            scores = {"r2": known["test"]["r2_mean"], "epochs": known["epochs"]}
        else:
            state = "running" if in_training(record) else "unfinished"
            history = record.folder / "history.parquet"
            if history.exists():
                scores = {"epochs": pq.read_metadata(history).num_rows}
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError):
        return StoredRun(record, "damaged", changed, config)
    return StoredRun(record, state, changed, config, frozenset(names), **scores)


def _text(file: Path) -> str | None:
    return file.read_text(errors="replace") if file.exists() else None


def _flat_config(text: str) -> dict:
    """Dotted key -> value. Runs share most of their sections, so each is parsed once."""
    flat = {}
    try:
        for section in SECTION.split(text):
            flat |= _section(section)
    except yaml.YAMLError:  # sections that only make sense together
        flat = _flat(yaml.load(text, Loader) or {})  # a safe loader, the fast one where there is
    return flat


@cache
def _section(text: str) -> dict:
    return _flat(yaml.load(text, Loader) or {})


def _flat(config: Mapping, above: str = "") -> dict:
    flat = {}
    for key, value in config.items():
        inner = isinstance(value, Mapping)
        flat |= _flat(value, f"{above}{key}.") if inner else {f"{above}{key}": value}
    return flat
