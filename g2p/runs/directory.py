"""A run's directory: plain files, each whole or absent, readable without executing anything.

    config.yaml  metrics.json  history.parquet  predictions.parquet  environment.json
    checkpoints/best.ckpt  checkpoints/last.ckpt  figures/  checksums.json  status.json
    members/0/best.ckpt ... (of an ensemble)  explain/  csv/  tensorboard/ (of loggers)

metrics.json is the last result that is written: where it is, the run is finished, and
checksums.json verifies each file when it is read.
"""

import contextlib
import fnmatch
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import yaml

from g2p.config.run_config import RunConfig
from g2p.core.atomic_files import DRAFT, json_bytes, write_atomically, write_json
from g2p.core.errors import OptionError
from g2p.core.json_shapes import Environment, Metrics, parse
from g2p.runs.checksums import (
    CHECKSUMS,
    METRICS,
    UNVERIFIED,
    damaged,
    read_verified,
    write_checksums,
)
from g2p.runs.tables import HISTORY, PREDICTIONS, predictions_table, read_table, write_table

STATUS = "status.json"
LOCK = ".lock"  # held by the process that trains the run
LOGS = ("csv", "tensorboard")  # of loggers
FILES = (
    "config.yaml", "metrics.json", "history.parquet", "predictions.parquet", "environment.json",
    "checkpoints", "members", "figures", "explain", CHECKSUMS, STATUS, *LOGS,
)  # fmt: skip
CHECKPOINTS = ("best.ckpt", "last.ckpt")
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the fast one where there is one
SIGNATURE = re.compile(r"[0-9a-f]{16}")  # how a run's directory is named


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run, finished or not: what is read from them and written to them.

    It knows neither a config's meaning nor a state: `g2p.runs.resolve.ResolvedRun` is a run before
    anything is fitted, with its panel and its split, and `g2p.runs.index.StoredRun` one row in the
    list of stored runs.
    """

    folder: Path

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def resumable(self) -> list[Path]:
        """The folders of checkpoints that a killed run resumes from."""
        return [self.checkpoints, *sorted((self.folder / "members").glob("*"))]

    @property
    def finished(self) -> bool:
        return (self.folder / METRICS).exists()

    @property
    def lock(self) -> Path:
        return self.folder / LOCK

    def lock_identity(self) -> tuple[int, int] | None:
        """Return device and inode of the run's lock; None where there is none.

        Of a directory that was removed and made again, the lock is another file.
        """
        try:
            lock = self.lock.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return lock.st_dev, lock.st_ino

    def remove_drafts(self) -> None:
        """Remove what a killed process was writing; only the holder of the run's lock may."""
        for folder, _, names in os.walk(self.folder):  # Path.rglob fails where a folder goes
            for name in fnmatch.filter(names, f".*{DRAFT}"):
                Path(folder, name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all results; killed on the way, the run is as if it had never started.

        So metrics.json, which says that it is finished, goes first, then what it would resume from.
        """
        (self.folder / METRICS).unlink(missing_ok=True)
        for member in self.resumable[1:]:
            (member / "last.ckpt").unlink(missing_ok=True)
        if self.checkpoints.is_dir() and not self.checkpoints.is_symlink():
            for name in reversed(CHECKPOINTS):
                _remove(self.checkpoints / name)
            with contextlib.suppress(OSError):  # somebody else's file lies there, too
                self.checkpoints.rmdir()
        else:
            _remove(self.checkpoints)
        tables = ("history.parquet", "predictions.parquet")
        for name in ("members", "figures", "explain", *LOGS, *tables, CHECKSUMS):
            _remove(self.folder / name)

    def remove(self) -> list[Path]:
        """Remove the run, its lock last, so that no process starts it meanwhile; follow no link.

        Returns:
            Files in its directory that are not a run's, and stay there.
        """
        self.remove_drafts()
        self.clear()
        for name in (*FILES, LOCK):
            if name != "checkpoints":
                _remove(self.folder / name)
        with contextlib.suppress(OSError):  # not empty; or somebody begins it in this moment
            self.folder.rmdir()
        try:
            others = [path for path in self.folder.iterdir() if path.name not in (*FILES, LOCK)]
        except FileNotFoundError:
            return []
        if self.checkpoints.is_dir():
            others += [path for path in self.checkpoints.iterdir() if path.name not in CHECKPOINTS]
        return others

    def config(self) -> RunConfig:
        """Return the run's config, as it was; of an earlier version it has other keys than today's.

        Raises:
            DamagedRunError: when the file is gone or damaged.
        """
        path = self.folder / "config.yaml"
        try:
            config = yaml.load(read_verified(self.folder, path.name).decode(), Loader)
            if not isinstance(config, dict):
                raise ValueError("it is not a mapping")
            return RunConfig.of(config)
        except FileNotFoundError:
            raise damaged(path, "it is gone", path.name) from None
        except (OSError, ValueError, yaml.YAMLError, RecursionError, OptionError) as error:
            raise damaged(path, " ".join(str(error).split()), path.name) from None

    def write_config(self, config: RunConfig) -> None:
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the fast one where there is one
        text = yaml.dump(config.to_dict(), Dumper=dumper, sort_keys=False, allow_unicode=True)
        write_atomically(self.folder / "config.yaml", lambda file: file.write(text.encode()))

    def write_history(self, rows: list[dict]) -> None:
        """One row an epoch (see `g2p.training.checkpoint_callback`)."""
        write_table(self.folder / "history.parquet", pa.Table.from_pylist(rows))

    def write_predictions(
        self, strains: list[str], phenotypes: list[str], split: Mapping[str, np.ndarray],
        observed: Mapping[str, np.ndarray], predicted: Mapping[str, np.ndarray],
    ) -> None:  # fmt: skip
        """Write every strain of val and test in long form, original units; null where not observed.

        Args:
            strains: N names.
            phenotypes: P names.
            split: rows of each subset.
            observed: subset -> (its rows, P), NaN where missing.
            predicted: subset -> (its rows, P).
        """
        table = predictions_table(strains, phenotypes, split, observed, predicted)
        write_table(self.folder / "predictions.parquet", table)

    def write_environment(self, facts: Mapping) -> None:
        write_json(self.folder / "environment.json", facts)

    def write_metrics(self, metrics: Mapping) -> None:
        """Finish the run: write the checksums of its files, and then metrics.json."""
        content = json_bytes(metrics)
        write_checksums(self.folder, content)
        write_atomically(self.folder / METRICS, lambda file: file.write(content))

    def verify(self, name: str) -> Path:
        """Return the path of one of the run's files, after its checksum was verified.

        Where there is no checksum, it is for the reader of the file to report that it is gone.

        Raises:
            DamagedRunError: when it is gone, or holds other bytes.
        """
        with contextlib.suppress(OSError):
            read_verified(self.folder, name)
        return self.folder / name

    def metrics(self) -> dict:
        """Return what the run reached.

        Raises:
            DamagedRunError: when the file is damaged, or another run's.
        """
        path = self.folder / METRICS
        try:
            metrics = parse(read_verified(self.folder, METRICS), Metrics)
            if SIGNATURE.fullmatch(self.folder.name) and metrics["signature"] != self.folder.name:
                raise ValueError(f"it belongs to run {metrics['signature']}")
        except (ValueError, IsADirectoryError) as error:
            raise damaged(path, str(error), METRICS) from None
        return metrics

    def environment(self) -> dict:
        """Return what the run ran on; empty where a run without checksums lacks it.

        Raises:
            DamagedRunError: when its checksum differs.
        """
        try:
            return parse(read_verified(self.folder, "environment.json"), Environment)
        except (OSError, ValueError):
            return {}

    def history(self) -> pa.Table:
        """Return a row an epoch; errors are those of `read_table`."""
        return read_table(self.folder, "history.parquet", HISTORY)

    def predictions(self) -> pa.Table:
        """Return what `write_predictions` wrote; errors are those of `read_table`."""
        return read_table(self.folder, "predictions.parquet", PREDICTIONS)


def unverified_line(directories: Iterable[RunDirectory]) -> str | None:
    """Return the line that reports finished runs without checksums; None if there are none."""
    folders = [
        directory.folder for directory in directories
        if directory.finished and not (directory.folder / CHECKSUMS).exists()
    ]  # fmt: skip
    if not folders:
        return None
    subject = str(folders[0]) if len(folders) == 1 else f"{len(folders):,} runs"
    return f"{subject}: {UNVERIFIED} (trained by an earlier version)."


def _remove(path: Path) -> None:
    """Remove a file, a folder with all that it holds, or a link, but not what it leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
