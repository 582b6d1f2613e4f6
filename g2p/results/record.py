"""A run's directory: plain files, each whole or absent, readable without executing anything.

    config.yaml  metrics.json  history.parquet  predictions.parquet  environment.json
    checkpoints/best.ckpt  checkpoints/last.ckpt  figures/

metrics.json is written last: where it is, the run is finished.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from g2p.errors import UserError
from g2p.files import DRAFT, read_json, write_atomically, write_json


@dataclass(frozen=True)
class Record:
    """The directory of one run."""

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

    def remove_drafts(self) -> None:
        """Remove what a killed process was writing; only the holder of the run's lock may."""
        for draft in self.folder.rglob(f".*{DRAFT}"):
            draft.unlink()

    def discard_unless_begun(self) -> None:
        """Remove the directory of a run that failed before its first epoch was kept."""
        if not (self.checkpoints / "last.ckpt").exists():
            shutil.rmtree(self.folder, ignore_errors=True)

    def clear(self) -> None:
        """Forget everything; killed on the way, the run is one that was never begun.

        So first that it is finished goes, and then what it would be gone on from.
        """
        (self.folder / "metrics.json").unlink(missing_ok=True)
        (self.checkpoints / "last.ckpt").unlink(missing_ok=True)
        for folder in (self.checkpoints, self.figures):
            shutil.rmtree(folder, ignore_errors=True)
        for name in ("history.parquet", "predictions.parquet"):
            (self.folder / name).unlink(missing_ok=True)

    def write_config(self, config: Mapping) -> None:
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the fast one where there is one
        text = yaml.dump(config, Dumper=dumper, sort_keys=False, allow_unicode=True)
        write_atomically(self.folder / "config.yaml", lambda file: file.write(text.encode()))

    def write_history(self, rows: list[dict]) -> None:
        """One row an epoch (see `g2p.train.memory`)."""
        table = pa.Table.from_pylist(rows)
        write_atomically(self.folder / "history.parquet", lambda file: pq.write_table(table, file))

    def write_predictions(
        self, strains: list[str], phenotypes: list[str], split: Mapping[str, np.ndarray],
        observed: Mapping[str, np.ndarray], predicted: Mapping[str, np.ndarray],
    ) -> None:  # fmt: skip
        """Long form, original units, every strain of val and test; a missing observation is null.

        Args:
            strains: N names.
            phenotypes: P names.
            split: rows of each part.
            observed: part -> (rows of the part, P), NaN where missing.
            predicted: part -> (rows of the part, P).
        """
        parts = []
        for part, values in predicted.items():
            rows = split[part]
            names = np.asarray(strains)[rows]
            parts.append(
                pa.table({
                    "strain": pa.array(np.repeat(names, len(phenotypes)), pa.string()),
                    "split": [part] * values.size,
                    "phenotype": phenotypes * len(rows),
                    "observed": pa.array(observed[part].ravel(), pa.float64(), from_pandas=True),
                    "predicted": values.ravel(),
                })
            )  # fmt: skip
        table = pa.concat_tables(parts)
        write_atomically(
            self.folder / "predictions.parquet", lambda file: pq.write_table(table, file)
        )

    def write_environment(self, facts: Mapping) -> None:
        write_json(self.folder / "environment.json", facts)

    def write_metrics(self, metrics: Mapping) -> None:
        write_json(self.folder / "metrics.json", metrics)

    def metrics(self) -> dict:
        """What the run came to.

        Raises:
            UserError: when the file is damaged.
        """
        path = self.folder / "metrics.json"
        try:
            metrics = json.loads(path.read_text())
            if not isinstance(metrics, dict) or "test" not in metrics:
                raise ValueError("it has no test scores")
        except ValueError as error:
            raise UserError(
                f"{path} is damaged ({error}). train.py ... force=true trains it again; "
                "sweep.py --runs status=damaged --prune removes it."
            ) from None
        return metrics

    def environment(self) -> dict:
        """What the run ran on; empty where the file is gone or damaged."""
        facts = read_json(self.folder / "environment.json")
        return facts if isinstance(facts, dict) else {}

    def history(self) -> pa.Table:
        return pq.read_table(self.folder / "history.parquet")

    def predictions(self) -> pa.Table:
        return pq.read_table(self.folder / "predictions.parquet")
