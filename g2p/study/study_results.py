"""The results of a study, opened from its folder for use from Python."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from g2p.core.errors import DamagedRunError, RunError
from g2p.core.typed_command import typed_command
from g2p.study.collect import COLUMNS
from g2p.study.parts import NEEDED

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

# What is a value of a run rather than a place in the grid.
VALUES = (
    "r2", "pearson", "n", "n_train", "seconds", "num_parameters", "peak_memory", "flops", "energy",
    "updates", "escape_updates", "plateau", "selected",
    "noise_ceiling", "ridge_r2", "observed_mean", "observed_variance", "squared_error", "status",
    "signature",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class StudyResults:
    """What a study found so far; `sweep.py study=NAME` writes it, here it is only read.

    Attributes:
        folder: of the study: `report.html`, `results.parquet`, `effects.parquet`, figures.
    """

    folder: Path

    @classmethod
    def load(cls, folder: Path) -> "StudyResults":
        """Open a study's folder.

        Raises:
            RunError: when it holds no results of a study.
        """
        if not folder.is_dir():
            raise RunError(f"{folder} does not exist, or is no folder.")
        results = cls(folder)
        _ = results.results
        return results

    def __repr__(self) -> str:
        runs = self.results.groupby("status")["signature"].nunique()
        counts = ", ".join(f"{number} {status}" for status, number in runs.items())
        return f"<g2p study {self.folder.name}: {counts}, {self.folder}>"

    @cached_property
    def results(self) -> "pd.DataFrame":
        """The content of results.parquet: a row for each run, phenotype and split (val, test).

        Columns: the factors, `model`, `seed`, phenotype, split, r2, pearson, n, n_train, ...,
        status, error.
        """
        frame = self._read("results.parquet")
        if missing := [name for name in NEEDED if name not in frame]:
            raise RunError(f"{self.folder / 'results.parquet'} has no column {missing[0]}.")
        return frame.assign(**{name: None for name in COLUMNS if name not in frame})  # of earlier

    @cached_property
    def effects(self) -> "pd.DataFrame":
        """The content of effects.parquet: a row for each comparison that the study makes."""
        return self._read("effects.parquet")

    def to_xarray(self) -> "xr.Dataset":
        """Return the results as a labelled grid: the factors that vary, seed, phenotype and split.

        Variables are r2, pearson and the other values of a run; they are missing (NaN) at a point
        that the study does not have and for a run that is not done. A factor of one value is a
        scalar coordinate; the model is a variable where the others determine it, as the rungs of
        the ladder do. Null is the label "null".

        Raises:
            ModuleNotFoundError: where xarray is not installed (`pip install 'g2p[xarray]'`).
        """
        import pandas as pd
        import xarray  # noqa: F401  (pandas converts to it)

        factors = [name for name in self.results if name not in COLUMNS and name != "seed"]
        frame = self.results.copy()
        for name in factors:
            if frame[name].isna().to_numpy().any():
                frame[name] = frame[name].map(lambda v: "null" if pd.isna(v) else str(v))
        levels = {name: len(set(frame[name])) for name in factors}
        varying = [name for name in factors if levels[name] > 1]
        others = [name for name in varying if name != "model"]
        # In the ladder, the rung says which model it is.
        if others and "model" in varying:
            models = frame.groupby(others)["model"].nunique().to_numpy()
            varying = others if (models == 1).all() else varying
        dimensions = [*varying, "seed", "phenotype", "split"]
        variables = [*VALUES, *(["model"] if "model" not in varying else [])]
        grid = frame.drop_duplicates(dimensions).set_index(dimensions)[variables].to_xarray()
        constant = [name for name in factors if levels[name] == 1 and name != "model"]
        return grid.assign_coords({name: frame[name].iloc[0] for name in constant})

    def _read(self, name: str) -> "pd.DataFrame":
        file = self.folder / name
        try:
            return pq.read_table(file).to_pandas()
        except FileNotFoundError:
            raise RunError(f"{self.folder} is no study with results: it has no {name}.") from None
        except (OSError, pa.ArrowException) as error:
            raise DamagedRunError(
                f"{file} is damaged ({error}). {typed_command('sweep')} ... --collect writes it "
                "again."
            ) from None
