"""A run's directory: plain files, each whole or absent, readable without executing anything.

    config.yaml  metrics.json  history.parquet  predictions.parquet  environment.json
    checkpoints/best.ckpt  checkpoints/last.ckpt  figures/

metrics.json is written last: where it is, the run is finished.
"""

import contextlib
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from g2p.core.atomic_files import DRAFT, write_atomically, write_json
from g2p.core.errors import DamagedRunError
from g2p.core.json_shapes import Environment, Metrics, parse, read_checked_json

LOCK = ".lock"  # held by the process that trains the run
FILES = (
    "config.yaml", "metrics.json", "history.parquet", "predictions.parquet", "environment.json",
    "checkpoints", "figures",
)  # fmt: skip
CHECKPOINTS = ("best.ckpt", "last.ckpt")
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the fast one where there is one
SIGNATURE = re.compile(r"[0-9a-f]{16}")  # how a run's directory is named
HISTORY = {"epoch": pa.types.is_integer, "val_r2_mean": pa.types.is_floating}
PREDICTIONS = {
    "strain": pa.types.is_string, "split": pa.types.is_string, "phenotype": pa.types.is_string,
    "observed": pa.types.is_floating, "predicted": pa.types.is_floating,
}  # fmt: skip


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
    def figures(self) -> Path:
        return self.folder / "figures"

    @property
    def finished(self) -> bool:
        return (self.folder / "metrics.json").exists()

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
        for draft in self.folder.rglob(f".*{DRAFT}"):
            draft.unlink()

    def discard_unless_begun(self) -> None:
        """Remove the directory of a run that failed before its first epoch was saved."""
        if not (self.checkpoints / "last.ckpt").exists():
            self.remove()

    def clear(self) -> None:
        """Remove all results; killed on the way, the run is as if it had never started.

        So metrics.json, which says that it is finished, goes first, then what it would resume from.
        """
        (self.folder / "metrics.json").unlink(missing_ok=True)
        if self.checkpoints.is_dir() and not self.checkpoints.is_symlink():
            for name in reversed(CHECKPOINTS):
                _remove(self.checkpoints / name)
            with contextlib.suppress(OSError):  # somebody else's file lies there, too
                self.checkpoints.rmdir()
        else:
            _remove(self.checkpoints)
        for name in ("figures", "history.parquet", "predictions.parquet"):
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

    def config(self) -> dict:
        """Return the run's config.

        Raises:
            DamagedRunError: when the file is gone or damaged.
        """
        path = self.folder / "config.yaml"
        try:
            config = yaml.load(path.read_text(), Loader)
            if not isinstance(config, dict):
                raise ValueError("it is not a mapping")
        except FileNotFoundError:
            raise DamagedRunError(f"{path} is gone.") from None
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            raise DamagedRunError(f"{path} is damaged ({' '.join(str(error).split())}).") from None
        return config

    def write_config(self, config: Mapping) -> None:
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the fast one where there is one
        text = yaml.dump(config, Dumper=dumper, sort_keys=False, allow_unicode=True)
        write_atomically(self.folder / "config.yaml", lambda file: file.write(text.encode()))

    def write_history(self, rows: list[dict]) -> None:
        """One row an epoch (see `g2p.training.checkpoint_callback`)."""
        table = pa.Table.from_pylist(rows)
        self._write_table("history.parquet", table)

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
        tables = []
        for subset, values in predicted.items():
            rows = split[subset]
            names = np.asarray(strains)[rows]
            tables.append(
                pa.table({
                    "strain": pa.array(np.repeat(names, len(phenotypes)), pa.string()),
                    "split": [subset] * values.size,
                    "phenotype": phenotypes * len(rows),
                    "observed": pa.array(observed[subset].ravel(), pa.float64(), from_pandas=True),
                    "predicted": values.ravel(),
                })
            )  # fmt: skip
        self._write_table("predictions.parquet", pa.concat_tables(tables))

    def _write_table(self, name: str, table: pa.Table) -> None:
        def write(file) -> None:
            pq.write_table(table, file, write_page_checksum=True)

        write_atomically(self.folder / name, write)

    def write_environment(self, facts: Mapping) -> None:
        write_json(self.folder / "environment.json", facts)

    def write_metrics(self, metrics: Mapping) -> None:
        write_json(self.folder / "metrics.json", metrics)

    def metrics(self) -> dict:
        """Return what the run reached.

        Raises:
            DamagedRunError: when the file is damaged, or another run's.
        """
        path = self.folder / "metrics.json"
        try:
            metrics = parse(path.read_bytes(), Metrics)
            if SIGNATURE.fullmatch(self.folder.name) and metrics["signature"] != self.folder.name:
                raise ValueError(f"it belongs to run {metrics['signature']}")
        except (ValueError, IsADirectoryError) as error:
            raise DamagedRunError(
                f"{path} is damaged ({error}). train.py ... force=true trains it again; "
                "g2p runs status=damaged --prune removes it."
            ) from None
        return metrics

    def environment(self) -> dict:
        """Return what the run ran on; empty where the file is gone or damaged."""
        return read_checked_json(self.folder / "environment.json", Environment) or {}

    def history(self) -> pa.Table:
        """Return a row an epoch; errors are those of `_table`."""
        return self._table("history.parquet", HISTORY)

    def predictions(self) -> pa.Table:
        """Return what `write_predictions` wrote; errors are those of `_table`."""
        return self._table("predictions.parquet", PREDICTIONS)

    def _table(self, name: str, columns: Mapping[str, Callable[[pa.DataType], bool]]) -> pa.Table:
        """Return a table that has these columns, of these types.

        Raises:
            FileNotFoundError: when the file is gone.
            pa.ArrowInvalid: when it is damaged.
        """
        path = self.folder / name
        try:
            table = pq.read_table(path, page_checksum_verification=True)
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException) as error:  # of which a damaged page raises either
            raise pa.ArrowInvalid(f"{path} cannot be read ({error})") from None
        for column, fits in columns.items():
            if column not in table.column_names:
                raise pa.ArrowInvalid(f"{path} has no column {column}")
            kind = table.schema.field(column).type
            if not (fits(kind) or pa.types.is_null(kind)):
                raise pa.ArrowInvalid(f"the column {column} of {path} is of type {kind}")
        return table


def _remove(path: Path) -> None:
    """Remove a file, a folder with all that it holds, or a link, but not what it leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
