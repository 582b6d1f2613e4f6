"""A finished run, opened: its config, results and model, for use from Python."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from g2p.core.errors import DataError, RunError
from g2p.core.phrases import listed
from g2p.data.harmonize import harmonize
from g2p.data.panel import Panel, missing_genotypes
from g2p.data.strain_cells import cells_of, series_cells
from g2p.runs.directory import RunDirectory

if TYPE_CHECKING:
    import pandas as pd

    from g2p.config.run_config import RunConfig
    from g2p.runs.load import RestoredModel

# An array with so many values and no -1 among them is not of the coding -1, 0, 1.
MANY = 20


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A finished run. Its files are read when they are first asked for; none is executed.

    `g2p.explain.run.Run` can explain it, too.

    Attributes:
        folder: the run's directory.
        code: packages or classes of a user's own that may be imported to load the weights.
    """

    folder: Path
    code: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<g2p run {self.signature}: {self.metrics['model']}, {self.folder}>"

    @property
    def directory(self) -> RunDirectory:
        """The files of the run."""
        return RunDirectory(self.folder)

    @property
    def signature(self) -> str:
        """The name of the run: 16 hex digits of all that can change its result."""
        return self.metrics["signature"]

    @cached_property
    def config(self) -> "RunConfig":
        """The config that the run was trained with: `run.config.model.name`."""
        return self.directory.config()

    @cached_property
    def metrics(self) -> dict:
        """The content of metrics.json: `val` and `test` each hold `r2` and `pearson` by phenotype.

        Raises:
            DamagedRunError: when the file is damaged.
        """
        return self.directory.metrics()

    @cached_property
    def history(self) -> "pd.DataFrame":
        """The learning curve, a row an epoch; empty for a closed form, which has no epochs."""
        frame = _frame(self.directory.history)
        # The one row in the file of a closed form has no learning rate.
        return frame.loc[frame["lr"].notna()].reset_index(drop=True) if "lr" in frame else frame

    @cached_property
    def predictions(self) -> "pd.DataFrame":
        """The predictions of validation and test strains, in original units.

        Columns: strain, split, phenotype, observed (NaN where missing), predicted.
        """
        return _frame(self.directory.predictions)

    @cached_property
    def restored(self) -> "RestoredModel":
        """The model with the weights that were chosen on validation, ready to predict.

        Raises:
            RunError: when the weights are damaged or of another version.
        """
        from g2p.runs.load import restore  # imports torch

        return restore(self.directory, "auto", self.code)

    @property
    def checkpoint(self) -> Path:
        """The file of these weights, verified: what `torch.load` reads of a network."""
        return self.directory.verify("checkpoints/best.ckpt")

    @property
    def model(self):
        """The model: a `torch.nn.Module` in evaluation mode, or the baseline, with its weights."""
        return self.restored.model

    def predict(
        self, genotypes: "Panel | pd.DataFrame | np.ndarray", *, missing_loci: str = "refuse"
    ) -> "pd.DataFrame":
        """Predict strains, in the phenotypes' original units.

        Args:
            genotypes: a panel, whose loci are matched by name or position and whose alleles are
                aligned; or a DataFrame with a row a strain and a column for each locus of the
                model, and of its covariates; or an array (N, L) of all loci of the run's panel,
                before LD pruning. Frames and arrays are coded as the panel, from -1 to 1, NaN (or
                -128 in int8) where missing. A strain without covariates counts as average.
            missing_loci: what is done about a locus or a genotype that is missing: `refuse`, or
                `impute` the mean of the training strains.

        Returns:
            A DataFrame, strains x phenotypes.

        Raises:
            DataError: for other loci, another coding, or another number of columns.
        """
        import pandas as pd

        if missing_loci not in ("refuse", "impute"):
            raise DataError(f"missing_loci must be refuse or impute, not {missing_loci!r}.")
        from g2p.runs.predict import predicted_blocks

        restored = self.restored
        is_panel = isinstance(genotypes, Panel)
        panel = genotypes if is_panel else _as_panel(genotypes, restored, missing_loci)
        matched = harmonize(restored.loci, panel.loci, missing=missing_loci)
        if restored.design is not None:
            for line in restored.design.unknown(cells_of(panel.strain_table, restored.covariates)):
                warnings.warn(line, stacklevel=2)
        blocks = [values for _, values in predicted_blocks(restored, panel, matched, missing_loci)]
        if is_panel:
            index = panel.strains
        elif isinstance(genotypes, pd.DataFrame):
            index = genotypes.index
        else:
            index = range(len(panel.strains))
        return pd.DataFrame(
            np.concatenate(blocks) if blocks else np.empty((0, len(restored.phenotypes))),
            index=pd.Index(index, name="strain"),
            columns=pd.Index(restored.phenotypes, name="phenotype"),
        )


def _as_panel(
    genotypes: "pd.DataFrame | np.ndarray", restored: "RestoredModel", missing_loci: str
) -> Panel:
    """Return genotypes of a frame or an array as a panel of the model's loci."""
    import pandas as pd

    table = None
    if isinstance(genotypes, pd.DataFrame):
        values = _from_frame(genotypes, restored.loci["id"], missing_loci)
        covariates = [name for name in restored.covariates if name in genotypes.columns]
        table = pa.table({name: series_cells(genotypes[name]) for name in covariates})
    else:
        values = _from_array(genotypes, restored)
    _check_coding(values)
    strains = [str(i) for i in range(len(values))]
    loci = pa.table(dict(restored.loci))
    return Panel(values, np.empty((len(values), 0)), strains, [], loci, strain_table=table)


def _frame(read) -> "pd.DataFrame":
    """Return a table of the run as a DataFrame.

    Raises:
        RunError: when its file is gone.
        DamagedRunError: when it is damaged.
    """
    try:
        return read().to_pandas()
    except FileNotFoundError as error:
        raise RunError(f"{error.filename} is gone.") from None


def _from_frame(frame: "pd.DataFrame", names: Sequence[str], missing_loci: str) -> np.ndarray:
    """Return genotypes (N, L) of the loci with these names; NaN for a locus that is missing."""
    if twice := frame.columns[frame.columns.duplicated()].unique().tolist():
        raise DataError(f"these columns appear more than once: {listed(map(str, twice), 5)}.")
    absent = [name for name in names if name not in frame.columns]
    if len(absent) == len(names):
        raise DataError(
            f"no column of this DataFrame is one of the model's {len(names)} loci, such as "
            f"{listed(names, 3)}. Its columns are {listed(map(str, frame.columns), 3) or 'none'}."
        )
    if absent and missing_loci == "refuse":
        raise DataError(
            f"{len(absent)} of the model's {len(names)} loci are no column of this DataFrame: "
            f"{listed(absent, 5)}. missing_loci='impute' fills them in with the mean of the "
            "training strains."
        )
    try:
        return frame.reindex(columns=list(names)).to_numpy(np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"genotypes must be numbers ({error}).") from None


def _from_array(genotypes: object, restored: "RestoredModel") -> np.ndarray:
    """Return genotypes (N, L) of the model's loci, from an array of all loci of its panel."""
    try:
        values = np.asarray(genotypes)
        is_call = values.dtype == np.int8
        gaps = missing_genotypes(values) if is_call else np.zeros(values.shape, bool)
        values = np.where(gaps, np.nan, values.astype(np.float32, casting="unsafe"))
    except (TypeError, ValueError) as error:
        raise DataError(f"genotypes must be numbers ({error}).") from None
    if restored.panel_columns is None:
        raise RunError(
            "this run was trained by an earlier version, which did not store where its loci are "
            "among those of its panel. Use a Panel, or a DataFrame with locus columns."
        )
    expected = restored.n_panel_loci
    if values.ndim != 2 or values.shape[1] != expected:
        shape = f"of shape {values.shape}"
        raise DataError(
            f"genotypes are {shape}; expected strains x {expected} loci, all of the run's panel "
            "before LD pruning. For other loci, use a DataFrame with locus columns or a Panel."
        )
    return values[:, restored.panel_columns]


def _check_coding(values: np.ndarray) -> None:
    """Refuse genotypes (N, L) that are not coded from -1 to 1."""
    outside = values[np.abs(values) > 1]  # NaN is not
    if outside.size:
        raise DataError(
            f"a genotype is {outside[0]:g}; they must lie from -1 (allele 0) to 1 (allele 1). Of a "
            "count of alleles 0, 1, 2 subtract 1."
        )
    present = values[np.isfinite(values)]
    if present.size >= MANY and set(np.unique(present).tolist()) == {0.0, 1.0}:
        raise DataError(
            "all genotypes are 0 or 1; the model was trained on the coding from -1 (allele 0) to 1 "
            "(allele 1). Of alleles coded 0 and 1 take 2 * x - 1."
        )
