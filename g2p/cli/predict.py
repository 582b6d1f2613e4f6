"""Predictions for other strains: `g2p predict run=RUN data=SOURCE [data.key=value ...]`.

    run=RUN               a finished run's directory, or the name of one below paths.runs
    data=... data.key=... the panel to predict, as in training; its phenotypes are not looked at
    out=FILE              .parquet or .csv; predictions.parquet by default
    missing_loci=refuse   or impute, with the mean of the training strains; gaps within a locus too
    match=both            or name, place: what finds the model's loci in the panel
    accelerator=auto      cpu, cuda

Loci are found by name, else by chromosome and position. Where the positions of most that are found
by name are others, names or positions are wrong, and nothing is predicted; match=name believes the
names (when the positions are of another assembly), match=place the positions. Where the panel codes
an allele the other way round, genotypes are flipped. Predictions are in original units.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from rich.progress import track

from g2p.config.compose import composed, keys
from g2p.config.schema import prepare_options
from g2p.core.atomic_files import write_atomically
from g2p.core.console import Console
from g2p.core.errors import UserError, listed, nearest, plural
from g2p.core.messages import message, say
from g2p.core.pipes import survive_closed_pipes
from g2p.data import load_panel
from g2p.data.harmonize import BY, Match, match_loci
from g2p.data.panel import Panel
from g2p.runs.directory import FILES, SIGNATURE, Record
from g2p.runs.load import REMEDY, Restored, restore

BLOCK = 1024  # strains predicted, and written, at a time
OWN = {
    "run": None, "out": "predictions.parquet", "missing_loci": "refuse", "match": "both",
    "accelerator": "auto",
}  # fmt: skip
CHOICES = {
    "missing_loci": ("refuse", "impute"), "match": BY, "accelerator": ("auto", "cpu", "cuda"),
}  # fmt: skip


def predict(
    run: Path, data: dict, cache: Path, *, out: Path, missing_loci: str, accelerator: str,
    match: str = "both",
) -> None:  # fmt: skip
    """Write the predictions of a run for a source's strains to `out`.

    Columns: strain, phenotype, predicted (original units), a row for each strain and phenotype.

    Raises:
        UserError: for whatever the user can mend; no file is then written.
    """
    console = Console()
    model = restore(Record(run), accelerator)
    _refuse_to_replace(out, run, data)
    panel, _ = load_panel(data, cache)
    matched = match_loci(model.loci, panel.loci, missing=missing_loci, by=match)
    total = len(matched.columns)
    console.print(
        f"{model.name}, {plural(len(model.phenotypes), 'phenotype')}; "
        f"{plural(len(panel.strains), 'strain')}. "
        f"Of {total} loci {matched.by_name} were found by name, {matched.by_place} by place, "
        f"{total - matched.by_name - matched.by_place} are imputed; {matched.flipped.sum()} "
        "flipped.",
        soft_wrap=True,
    )
    for line in _remarks(matched):
        console.print(line, soft_wrap=True)
    try:
        write_atomically(
            out, lambda file: _write(file, model, panel, matched, missing_loci, out.suffix)
        )
    except OSError as error:
        raise UserError(
            f"{out} cannot be written ({error.strerror or error}). Make room, or set out= to "
            "another folder."
        ) from None
    console.print(f"predictions: {out}", soft_wrap=True)


def _refuse_to_replace(out: Path, run: Path, data: dict) -> None:
    """Raise where `out` is a file that the run consists of, or one that the data is read from."""
    if out.name in FILES and out.resolve().parent == run.resolve():
        raise UserError(f"out={out} is a file of the run itself. Set out= to another file.")
    sources = (Path(value).expanduser() for value in data.values() if isinstance(value, str))
    if out.exists() and any(source.exists() and source.samefile(out) for source in sources):
        raise UserError(f"out={out} is what is read. Set out= to another file.")


def _remarks(matched: Match) -> list[str]:
    """What a user should know of how loci were found."""
    remarks = []
    if matched.counted_from:
        here, there = (1, 0) if matched.counted_from > 0 else (0, 1)
        remarks.append(f"Positions are counted from {here} here, from {there} in the model.")
    examples, number = matched.elsewhere
    if number:
        remarks.append(
            f"warning: {number} of {matched.by_name} loci found by name lie elsewhere here "
            f"({examples}). Their names were believed; match=place goes by the places."
        )
    if matched.unsure:
        remarks.append(
            f"warning: of {matched.unsure} loci the alleles are known here or to the model, not to "
            "both: they are taken to be the same way round."
        )
    return remarks


def _write(
    file, model: Restored, panel: Panel, matched: Match, missing_loci: str, suffix: str
) -> None:
    schema = pa.schema({"strain": pa.string(), "phenotype": pa.string(), "predicted": pa.float64()})
    kind = pq.ParquetWriter if suffix == ".parquet" else pyarrow.csv.CSVWriter
    with kind(file, schema) as writer:
        starts = range(0, len(panel.strains), BLOCK)
        for start in track(starts, "predicting", console=Console(stderr=True)):
            strains = panel.strains[start : start + BLOCK]
            rows = panel.genotypes[start : start + BLOCK]
            genotypes, gaps = matched.genotypes(rows, model.mean_genotype)
            if gaps and missing_loci == "refuse":
                raise UserError(
                    f"{gaps} genotypes are missing among the strains {strains[0]} to {strains[-1]}."
                    " missing_loci=impute fills them in with the mean of the training strains."
                )
            predicted = model.predict(genotypes) * model.sd + model.mean
            if not np.isfinite(predicted).all():
                strain = strains[int(np.flatnonzero(~np.isfinite(predicted).all(axis=1))[0])]
                raise UserError(
                    f"the model predicts no finite number for strain {strain}. {REMEDY}"
                )
            columns = {
                "strain": np.repeat(strains, len(model.phenotypes)),
                "phenotype": model.phenotypes * len(strains),
                "predicted": predicted.ravel(),
            }
            writer.write_table(pa.table(columns, schema=schema))


def main() -> None:
    survive_closed_pipes()
    words = sys.argv[1:]
    if not words or {"-h", "--help"} & set(words):
        print(__doc__)
        sys.exit(0 if words else 1)
    try:
        own, overrides = _sorted_out(words)
        config = composed(overrides)
        cache, runs = (Path(config["paths"][key]).expanduser() for key in ("cache", "runs"))
        paths = {"run": _folder(own.pop("run"), runs), "out": Path(own.pop("out")).expanduser()}
        predict(data=config["data"], cache=cache, **paths, **own)
    except KeyboardInterrupt:
        say("stopped; nothing was written.")
        sys.exit(130)
    except Exception as error:
        say(message(error))
        sys.exit(1)


def _folder(run: str, runs: Path) -> Path:
    """A run's directory, from that or from its signature alone."""
    folder = Path(run).expanduser()
    if folder.is_dir() or not SIGNATURE.fullmatch(run):
        return folder
    if not (runs / run).is_dir():
        raise UserError(f"run={run}: there is no such folder here, nor in paths.runs={runs}.")
    return runs / run


def _sorted_out(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Our own keys with their values, and the overrides of `data` and `paths`."""
    own, overrides = dict(OWN), []
    seen = set()
    for word in words:
        key, _, value = word.partition("=")
        if key in OWN:
            if key in seen:
                raise UserError(f"{key} is given twice. Keep one.")
            seen.add(key)
            own[key] = value
        elif key.lstrip("+").partition(".")[0] in ("data", "paths"):
            overrides.append(word)
        else:
            raise UserError(
                f"{key} is no key of g2p.cli.predict.{nearest(key, OWN)} "
                f"It takes {listed(OWN)}, data and paths."
            )
    if not own["run"]:
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
