"""Predictions for other strains: `python -m g2p.predict run=RUN data=SOURCE [data.key=value ...]`.

    run=RUN               a finished run's directory
    data=... data.key=... the panel to predict, as in training; its phenotypes are not looked at
    out=FILE              .parquet or .csv; predictions.parquet by default
    missing_loci=refuse   or impute, with the mean of the training strains; gaps within a locus too
    accelerator=auto      cpu, cuda

Loci are matched by name, else by chromosome and position; where the panel codes an allele the other
way round, genotypes are flipped. Predictions are in original units.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import track

from g2p.compose import composed, keys
from g2p.config import prepare_options
from g2p.data import load_panel
from g2p.data.match import match_loci
from g2p.data.panel import Panel
from g2p.errors import UserError, listed, nearest
from g2p.files import write_atomically
from g2p.messages import message, say
from g2p.restore import Restored, restore
from g2p.results.record import Record

BLOCK = 1024  # strains predicted, and written, at a time
OWN = {
    "run": None, "out": "predictions.parquet", "missing_loci": "refuse", "accelerator": "auto",
}  # fmt: skip
CHOICES = {"missing_loci": ("refuse", "impute"), "accelerator": ("auto", "cpu", "cuda")}


def predict(
    run: Path, data: dict, cache: Path, *, out: Path, missing_loci: str, accelerator: str
) -> None:
    """Write the predictions of a run for a source's strains to `out`.

    Columns: strain, phenotype, predicted (original units), a row for each strain and phenotype.

    Raises:
        UserError: for whatever the user can mend; no file is then written.
    """
    console = Console()
    model = restore(Record(run), accelerator)
    panel, _ = load_panel(data, cache)
    match = match_loci(model.loci, panel.loci, missing=missing_loci)
    total = len(match.columns)
    console.print(
        f"{model.name}, {len(model.phenotypes)} phenotypes; {len(panel.strains)} strains. "
        f"Of {total} loci {match.by_name} were found by name, {match.by_place} by place, "
        f"{total - match.by_name - match.by_place} are imputed; {match.flipped.sum()} flipped.",
        soft_wrap=True,
    )
    if match.unsure:
        console.print(
            f"warning: of {match.unsure} loci the alleles are known here or to the model, not to "
            "both: they are taken to be the same way round.",
            soft_wrap=True,
        )
    write_atomically(out, lambda file: _write(file, model, panel, match, missing_loci, out.suffix))
    console.print(f"predictions: {out}", soft_wrap=True)


def _write(file, model: Restored, panel: Panel, match, missing_loci: str, suffix: str) -> None:
    schema = pa.schema({"strain": pa.string(), "phenotype": pa.string(), "predicted": pa.float64()})
    kind = pq.ParquetWriter if suffix == ".parquet" else pyarrow.csv.CSVWriter
    with kind(file, schema) as writer:
        starts = range(0, len(panel.strains), BLOCK)
        for start in track(starts, "predicting", console=Console(stderr=True)):
            strains = panel.strains[start : start + BLOCK]
            rows = panel.genotypes[start : start + BLOCK]
            genotypes, gaps = match.genotypes(rows, model.mean_genotype)
            if gaps and missing_loci == "refuse":
                raise UserError(
                    f"{gaps} genotypes are missing among the strains {strains[0]} to {strains[-1]}."
                    " missing_loci=impute fills them in with the mean of the training strains."
                )
            predicted = model.predict(genotypes) * model.sd + model.mean
            columns = {
                "strain": np.repeat(strains, len(model.phenotypes)),
                "phenotype": model.phenotypes * len(strains),
                "predicted": predicted.ravel(),
            }
            writer.write_table(pa.table(columns, schema=schema))


def main() -> None:
    words = sys.argv[1:]
    if not words or {"-h", "--help"} & set(words):
        print(__doc__)
        sys.exit(0 if words else 1)
    try:
        own, overrides = _sorted_out(words)
        config = composed(overrides)
        cache = Path(config["paths"]["cache"]).expanduser()
        paths = {"run": Path(own.pop("run")), "out": Path(own.pop("out")).expanduser()}
        predict(data=config["data"], cache=cache, **paths, **own)
    except KeyboardInterrupt:
        say("stopped; nothing was written.")
        sys.exit(130)
    except Exception as error:
        say(message(error))
        sys.exit(1)


def _sorted_out(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Our own keys with their values, and the overrides of `data` and `paths`."""
    own, overrides = dict(OWN), []
    for word in words:
        key, _, value = word.partition("=")
        if key in OWN:
            own[key] = value
        elif key.lstrip("+").partition(".")[0] in ("data", "paths"):
            overrides.append(word)
        else:
            raise UserError(
                f"{key} is no key of g2p.predict.{nearest(key, OWN)} "
                f"It takes {listed(OWN)}, data and paths."
            )
    if own["run"] is None:
        raise UserError("run=RUN is missing: the directory of a finished run.")
    for key, allowed in CHOICES.items():
        if own[key] not in allowed:
            raise UserError(f"{key} must be one of {listed(allowed)}, not {own[key]!r}.")
    later = {f"data.{key}" for key in prepare_options()}
    for key in keys(overrides):
        if key in later:
            raise UserError(f"{key} has no effect: the model's own loci are taken. Remove it.")
    if Path(own["out"]).is_dir():
        raise UserError(f"out={own['out']} is a folder.")
    if Path(own["out"]).suffix not in (".parquet", ".csv"):
        raise UserError(f"out={own['out']} must end in .parquet or .csv.")
    return own, overrides


if __name__ == "__main__":
    main()
