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

from g2p.cli.command import run_command
from g2p.config.compose import compose_config, overridden_keys
from g2p.config.registry import prepare_options
from g2p.core.errors import UserError, listed, nearest
from g2p.data.harmonize import BY
from g2p.runs.directory import SIGNATURE
from g2p.runs.predict import write_predictions

OWN = {
    "run": None, "out": "predictions.parquet", "missing_loci": "refuse", "match": "both",
    "accelerator": "auto",
}  # fmt: skip
CHOICES = {
    "missing_loci": ("refuse", "impute"), "match": BY, "accelerator": ("auto", "cpu", "cuda"),
}  # fmt: skip


def main() -> None:
    words = sys.argv[1:]
    if not words or {"-h", "--help"} & set(words):
        print(__doc__)
        sys.exit(0 if words else 1)
    run_command(lambda: _predict(words), interrupted="stopped; nothing was written.")


def _predict(words: list[str]) -> None:
    own, overrides = _sorted_out(words)
    config = compose_config(overrides)
    cache, runs = (Path(config["paths"][key]).expanduser() for key in ("cache", "runs"))
    paths = {"run": _folder(own.pop("run"), runs), "out": Path(own.pop("out")).expanduser()}
    write_predictions(data=config["data"], cache=cache, **paths, **own)


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
                f"{key} is no key of g2p predict.{nearest(key, OWN)} "
                f"It takes {listed(OWN)}, data and paths."
            )
    if not own["run"]:
        raise UserError("run=RUN is missing: the directory of a finished run.")
    for key, allowed in CHOICES.items():
        if own[key] not in allowed:
            raise UserError(f"{key} must be one of {listed(allowed)}, not {own[key]!r}.")
    later = {f"data.{key}" for key in prepare_options()}
    for key in overridden_keys(overrides):
        if key in later:
            raise UserError(f"{key} has no effect: the model's own loci are taken. Remove it.")
    if Path(own["out"]).is_dir():
        raise UserError(f"out={own['out']} is a folder.")
    if Path(own["out"]).suffix not in (".parquet", ".csv"):
        raise UserError(f"out={own['out']} must end in .parquet or .csv.")
    return own, overrides
