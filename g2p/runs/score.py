"""Scores of a finished run on another panel, whose phenotypes were measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from rich.table import Column, Table

from g2p.core.console import Console
from g2p.core.errors import DamagedRunError, DataError
from g2p.core.formatting import format_score
from g2p.core.phrases import listed, plural
from g2p.data.panel import Panel
from g2p.runs.directory import RunDirectory
from g2p.runs.predict import open_panel, predicted_blocks, write_output
from g2p.training.metrics import scores


def write_scores(
    run: Path, data: Mapping, cache: Path, *, out: Path, missing_loci: str, accelerator: str,
    match: str = "both", code: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write the scores of a run's predictions for a source's strains to `out`, and print them.

    Columns: phenotype, n, r2, pearson, bias (mean of predicted - observed, original units), and
    run_test_r2, the run's own on the test strains of its panel. A row a phenotype that both have.

    Raises:
        G2PError: for whatever the user can mend, as a panel without the run's phenotypes.
    """
    console = Console()
    model, panel, matched = open_panel(
        run, data, cache, out, console, missing_loci=missing_loci, accelerator=accelerator,
        match=match, code=code,
    )  # fmt: skip
    names, observed = _observed(panel, model.phenotypes)
    predicted = np.concatenate(
        [p for _, p in predicted_blocks(model, panel, matched, missing_loci)]
    )
    predicted = predicted[:, [model.phenotypes.index(name) for name in names]]
    result = scores(predicted, observed)
    error = np.where(np.isfinite(observed), predicted - observed, np.nan)
    if note := _shared_strains_note(RunDirectory(run), panel):
        console.print(note, soft_wrap=True)
    test_r2 = RunDirectory(run).metrics()["test"]["r2"]
    table = pa.table({
        "phenotype": names,
        "n": result.n,
        "r2": pa.array(result.r2, from_pandas=True),
        "pearson": pa.array(result.pearson, from_pandas=True),
        "bias": [float(np.nanmean(e)) if np.isfinite(e).any() else None for e in error.T],
        "run_test_r2": pa.array([test_r2[name] for name in names], pa.float64()),
    })  # fmt: skip
    write = pq.write_table if out.suffix == ".parquet" else pyarrow.csv.write_csv
    write_output(out, lambda file: write(table, file))
    _print(table, console)
    console.print(f"scores: {out}", soft_wrap=True)


def _observed(panel: Panel, phenotypes: list[str]) -> tuple[list[str], np.ndarray]:
    """Return the run's phenotypes that the panel has, and their values (N, P)."""
    columns = {name: i for i, name in enumerate(panel.phenotype_names)}
    names = [name for name in phenotypes if name in columns]
    if not names:
        raise DataError(
            f"this panel has none of the run's phenotypes ({listed(phenotypes, 5)}); it has "
            f"{listed(panel.phenotype_names, 5) or 'genotypes only'}. g2p predict needs none."
        )
    return names, panel.phenotypes[:, [columns[name] for name in names]]


def _shared_strains_note(run: RunDirectory, panel: Panel) -> str | None:
    """Return a warning where the panel has strains of the run's own, by name."""
    try:
        stored = set(run.predictions()["strain"].to_pylist())  # of validation and test
    except DamagedRunError:  # which scores do not need
        return None
    shared = len(stored.intersection(panel.strains))
    if not shared:
        return None
    return (
        f"warning: {shared:,} of the run's {len(stored):,} validation and test strains are in this "
        "panel by name, so its training strains may be, too: these scores are none of new strains."
    )


def _print(table: pa.Table, console: Console) -> None:
    numbers = ("n", "R2", "Pearson r", "bias", "the run's own test R2")
    printed = Table(
        "phenotype",
        *(Column(name, justify="right") for name in numbers),
        title=f"scores of {plural(table.num_rows, 'phenotype')}",
    )
    for name, n, *values in zip(*(column.to_pylist() for column in table), strict=True):
        r2, pearson, bias, test_r2 = values
        printed.add_row(
            name, str(n), format_score(r2), format_score(pearson),
            "" if bias is None else f"{bias:.3g}", format_score(test_r2),
        )  # fmt: skip
    console.print(printed)
