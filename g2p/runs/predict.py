"""Predictions of a finished run for the strains of another panel."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from rich.progress import track

from g2p.core.atomic_files import write_atomically
from g2p.core.console import Console
from g2p.core.errors import DataError, OptionError
from g2p.core.phrases import plural
from g2p.data import load_panel
from g2p.data.harmonize import HarmonizedLoci, harmonize
from g2p.data.panel import Panel
from g2p.data.strain_cells import cells_of
from g2p.runs.directory import FILES, RunDirectory, unverified_line
from g2p.runs.load import RestoredModel, remedy, restore

BLOCK = 1024  # strains predicted, and written, at a time


def write_predictions(
    run: Path, data: Mapping, cache: Path, *, out: Path, missing_loci: str, accelerator: str,
    match: str = "both", code: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write the predictions of a run for a source's strains to `out`.

    Columns: strain, phenotype, predicted (original units), a row for each strain and phenotype.
    `code` names packages of a user's own that the run's model may be imported from.

    Raises:
        G2PError: for whatever the user can mend; no file is then written.
    """
    console = Console()
    model, panel, matched = open_panel(
        run, data, cache, out, console, missing_loci=missing_loci, accelerator=accelerator,
        match=match, code=code,
    )  # fmt: skip
    write_output(out, lambda file: _write(file, model, panel, matched, missing_loci, out.suffix))
    console.print(f"predictions: {out}", soft_wrap=True)


def open_panel(
    run: Path, data: Mapping, cache: Path, out: Path, console: Console, *, missing_loci: str,
    accelerator: str, match: str, code: Sequence[str],
) -> tuple[RestoredModel, Panel, HarmonizedLoci]:  # fmt: skip
    """Return a run's model, a source's panel, and where in it the model's loci are; print all that.

    `out` is the file that is to be written: none of the run's or of the source's.

    Raises:
        G2PError: for whatever the user can mend.
    """
    directory = RunDirectory(run)
    model = restore(directory, accelerator, code)
    if line := unverified_line([directory]):
        console.print(line, soft_wrap=True)
    _refuse_to_replace(out, run, data)
    panel, _ = load_panel({**data, "covariates": model.covariates}, cache)
    matched = harmonize(model.loci, panel.loci, missing=missing_loci, by=match)
    total = len(matched.columns)
    console.print(
        f"{model.name}, {plural(len(model.phenotypes), 'phenotype')}; "
        f"{plural(len(panel.strains), 'strain')}. "
        f"Of {total} loci {matched.by_name} match by name, {matched.by_position} by position, "
        f"{total - matched.by_name - matched.by_position} are imputed; {matched.flipped.sum()} "
        "flipped.",
        soft_wrap=True,
    )
    cells = cells_of(panel.strain_table, model.covariates)
    for line in [*_remarks(matched), *(model.design.unknown(cells) if model.design else [])]:
        console.print(line, soft_wrap=True)
    return model, panel, matched


def write_output(out: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write the file of a command, whole or not at all.

    Raises:
        OptionError: when it cannot be written.
    """
    try:
        write_atomically(out, write)
    except OSError as error:
        raise OptionError(
            f"{out} cannot be written ({error.strerror or error}). Make room, or set out= to "
            "another folder."
        ) from None


def predicted_blocks(
    model: RestoredModel, panel: Panel, matched: HarmonizedLoci, missing_loci: str
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield the names of some strains and their predictions (n, P) in original units, in order.

    Raises:
        DataError: for a genotype that is missing and is not to be imputed, and for a prediction
            that is not finite.
    """
    cells = cells_of(panel.strain_table, model.covariates)
    for start in range(0, len(panel.strains), BLOCK):
        strains = panel.strains[start : start + BLOCK]
        rows = panel.genotypes[start : start + BLOCK]
        genotypes, gaps = matched.genotypes(rows, model.mean_genotype)
        if gaps and missing_loci == "refuse":
            raise DataError(
                f"{gaps} genotypes are missing among the strains {strains[0]} to {strains[-1]}."
                " missing_loci=impute fills them in with the mean of the training strains."
            )
        of_rows = {name: values[start : start + BLOCK] for name, values in cells.items()}
        predicted = model.predict_original(genotypes, of_rows)
        if not np.isfinite(predicted).all():
            strain = strains[int(np.flatnonzero(~np.isfinite(predicted).all(axis=1))[0])]
            raise DataError(f"the model predicts no finite number for strain {strain}. {remedy()}")
        yield strains, predicted


def _write(
    file,
    model: RestoredModel,
    panel: Panel,
    matched: HarmonizedLoci,
    missing_loci: str,
    suffix: str,
) -> None:
    schema = pa.schema({"strain": pa.string(), "phenotype": pa.string(), "predicted": pa.float64()})
    kind = pq.ParquetWriter if suffix == ".parquet" else pyarrow.csv.CSVWriter
    blocks = predicted_blocks(model, panel, matched, missing_loci)
    total = -(-len(panel.strains) // BLOCK)
    with kind(file, schema) as writer:
        for strains, predicted in track(
            blocks, "predicting", total=total, console=Console(stderr=True)
        ):
            columns = {
                "strain": np.repeat(strains, len(model.phenotypes)),
                "phenotype": model.phenotypes * len(strains),
                "predicted": predicted.ravel(),
            }
            writer.write_table(pa.table(columns, schema=schema))


def _refuse_to_replace(out: Path, run: Path, data: Mapping) -> None:
    """Refuse an `out` that is a file of the run, or one that the data is read from."""
    if out.name in FILES and out.resolve().parent == run.resolve():
        raise OptionError(f"out={out} is a file of the run itself. Set out= to another file.")
    sources = (Path(value).expanduser() for value in data.values() if isinstance(value, str))
    if out.exists() and any(source.exists() and source.samefile(out) for source in sources):
        raise OptionError(f"out={out} is an input of this command. Set out= to another file.")


def _remarks(matched: HarmonizedLoci) -> list[str]:
    """Return warnings about how loci were matched."""
    remarks = []
    if matched.position_shift:
        panel_origin, model_origin = (1, 0) if matched.position_shift > 0 else (0, 1)
        remarks.append(
            f"Positions start at {panel_origin} in this panel and at {model_origin} in the model."
        )
    examples, number = matched.position_conflicts
    if number:
        remarks.append(
            f"warning: {number} of {matched.by_name} loci that match by name have other "
            f"positions here ({examples}). Names decide; match=place matches by position."
        )
    if matched.unverified_alleles:
        remarks.append(
            f"warning: at {matched.unverified_alleles} loci only one of the two sources names the "
            "alleles; they are assumed to be coded the same."
        )
    return remarks
