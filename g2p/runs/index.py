"""All runs in `paths.runs`, read from their directories, ten thousand in a few seconds."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from g2p.config.locate import is_dotted
from g2p.config.registry import GROUPS, neutral_options
from g2p.core.errors import DamagedRunError, G2PError
from g2p.core.nested import flatten
from g2p.runs.checksums import CHECKED, read_verified
from g2p.runs.directory import CHECKPOINTS, FILES, LOCK, SIGNATURE, Loader, RunDirectory
from g2p.runs.status import read_status

SECTION = re.compile(r"^(?=[A-Za-z_])", re.MULTILINE)  # a top-level key; a list's dash is none


@dataclass(frozen=True, eq=False)
class StoredRun:
    """One row in the list of stored runs: what its files say, read once and not kept up to date.

    `g2p.runs.directory.RunDirectory` reads and writes the files themselves;
    `g2p.runs.resolve.ResolvedRun` is made from a config, whether or not the run was ever trained.

    Attributes:
        directory: the directory.
        state: one of `g2p.runs.status.STATES`.
        changed: when it ended or was last written to, in seconds since 1970.
        config: dotted key -> value; empty where there is none, or it is damaged.
        phenotypes: as its config has them, and, once it is done, as its panel has them.
        r2: mean test R2, once it is done.
        epochs: finished so far.
        error: why it is failed, killed or damaged.
    """

    directory: RunDirectory
    state: str
    changed: float
    config: dict = field(default_factory=dict)
    phenotypes: frozenset = frozenset()
    r2: float | None = None
    epochs: int | None = None
    error: str | None = None

    @property
    def signature(self) -> str:
        return self.directory.folder.name


def stored_runs(folder: Path) -> list[StoredRun]:
    """Return the runs in a folder, the latest last."""
    directories = [RunDirectory(path) for path in folder.iterdir() if is_run(path)]
    with ThreadPoolExecutor(16) as threads:  # a network's folders answer slowly, but many at once
        runs = [run for run in threads.map(_read, directories) if run is not None]
    return sorted(runs, key=lambda run: (run.changed, run.signature))


def verified(run: StoredRun) -> StoredRun:
    """Return the run after reading all its files: damaged where one differs from its checksum."""
    try:
        for name in CHECKED:
            run.directory.verify(name)
    except DamagedRunError as error:
        return replace(run, state="damaged", error=str(error))
    return run


def unrecognised_folders(folder: Path) -> list[Path]:
    """Return the paths in a folder that are named like a run and are not one."""
    return sorted(p for p in folder.iterdir() if SIGNATURE.fullmatch(p.name) and not is_run(p))


def is_run(path: Path) -> bool:
    """Whether a path is a run's directory: named by a signature, no link, and with a run's files.

    A run has a config with our sections, or our checkpoints. Of one that was killed as it began, or
    as it was removed, there may be no more than its lock, beside which nobody else's file may lie,
    or nothing at all.
    """
    if not SIGNATURE.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
        return False
    names = {entry.name for entry in path.iterdir()}
    if not names or (LOCK in names and names <= {LOCK, *FILES}):
        return True
    if any((path / "checkpoints" / name).exists() for name in CHECKPOINTS):
        return True
    return {"model:", "data:"} <= {*(_text(path / "config.yaml") or "").splitlines()}


def _read(directory: RunDirectory) -> StoredRun | None:
    """Return the run, or None where it was removed meanwhile."""
    written = [directory.folder / name for name in ("metrics.json", "history.parquet", "")]
    try:
        changed = next(file for file in written if file.exists()).stat().st_mtime
    except (StopIteration, FileNotFoundError):
        return None
    config: dict[str, Any] = {}
    scores: dict[str, Any] = {}
    try:
        config = _flat_config(_config_text(directory.folder))
        names = config.get("phenotype", [])
        names = {names} if isinstance(names, str) else set(names)
        if directory.finished:
            state, metrics = "done", directory.metrics()
            names |= metrics["test"]["r2"].keys()
            scores = {"r2": metrics["test"]["r2_mean"], "epochs": metrics["epochs"]}
        else:
            status = read_status(directory)
            state, scores = status.state, {"error": status.error}
            history = directory.folder / "history.parquet"
            if history.exists():
                scores["epochs"] = pq.read_metadata(history).num_rows
    except FileNotFoundError:
        return None
    except (OSError, G2PError, yaml.YAMLError, ValueError, TypeError, AttributeError,
            RecursionError) as error:  # fmt: skip
        message = " ".join(str(error).split())
        return StoredRun(directory, "damaged", changed, config, error=message)
    return StoredRun(directory, state, changed, config, frozenset(names), **scores)


def _config_text(folder: Path) -> str:
    """Return the text of a run's config; empty where there is none yet."""
    try:
        return read_verified(folder, "config.yaml").decode(errors="replace")
    except FileNotFoundError:
        return ""


def _text(file: Path) -> str | None:
    return file.read_text(errors="replace") if file.exists() else None


def _flat_config(text: str) -> dict:
    """Dotted key -> value. Runs share most of their sections, so each is parsed once."""
    flat = {}
    try:
        for section in SECTION.split(text):
            flat |= _section(section)
    except yaml.YAMLError:  # sections that only make sense together
        flat = flatten(yaml.load(text, Loader) or {})  # a safe loader, the fast one where there is
    return flat


@cache
def _section(text: str) -> dict:
    """Dotted key -> value; options that did not exist when the run was trained are neutral."""
    section = yaml.load(text, Loader) or {}
    for group, values in section.items():
        if group in GROUPS and isinstance(values, dict) and not is_dotted(values.get("name")):
            section[group] = {**neutral_options(group, values), **values}
    return flatten(section)
