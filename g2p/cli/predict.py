"""`g2p predict run=RUN data=SOURCE [data.key=value ...]`: predict strains with a finished run.

    run=RUN                a finished run's directory, or the name of one in paths.runs
    data=... data.key=...  the panel to predict, as in training; its phenotypes are not used
    out=FILE               the file to write, .parquet or .csv; default: predictions.parquet
    missing_loci=refuse    refuse: stop if the panel lacks a locus or a genotype of the model;
                           impute: use the locus's mean among the training strains instead
    match=both             both: match loci by name, else by chromosome and position;
                           name: by name only; place: by chromosome and position only
    code=PACKAGE           allow the run's model to be of code of one's own, which is then run
    accelerator=auto       auto: CUDA if available, else the CPU; cpu; cuda
    paths.runs=DIRECTORY   the directory of runs; paths.cache: that of stored panels
    --config-dir DIR       a folder of YAML files of one's own, such as DIR/data/mine.yaml

With match=both, nothing is predicted if most loci that match by name have other positions: names or
positions are then wrong. match=name trusts the names (positions of another assembly), match=place
the positions. Genotypes are flipped at loci whose alleles the panel codes the other way round.
Predictions are in original units.
"""

from collections.abc import Callable
from pathlib import Path

from g2p.cli.command import run_documented
from g2p.cli.run_arguments import find_run, parse_arguments
from g2p.config.compose import compose_config, overridden_keys
from g2p.config.registry import prepare_options
from g2p.core.errors import OptionError
from g2p.data.harmonize import BY
from g2p.runs.predict import write_predictions

DEFAULTS = {
    "run": "", "out": "predictions.parquet", "missing_loci": "refuse", "match": "both",
    "accelerator": "auto", "code": "",
}  # fmt: skip
CHOICES = {
    "missing_loci": ("refuse", "impute"), "match": BY, "accelerator": ("auto", "cpu", "cuda"),
}  # fmt: skip


def main() -> None:
    run_documented(_predict, description=__doc__, interrupted="stopped; nothing was written.")


def _predict(arguments: list[str]) -> None:
    with_run_and_panel(*parse(arguments), write_predictions)


def with_run_and_panel(options: dict, overrides: list[str], write: Callable[..., None]) -> None:
    """Call `write` with a run, the data and the stored panels that a command names."""
    config = compose_config(overrides)
    cache, runs = (Path(path).expanduser() for path in (config.paths.cache, config.paths.runs))
    run = find_run(options.pop("run"), runs)
    out = Path(options.pop("out")).expanduser()
    code = options.pop("code").split(",")
    write(run, config.data, cache, out=out, code=code, **options)


def parse(
    arguments: list[str], defaults: dict[str, str] = DEFAULTS, command: str = "g2p predict"
) -> tuple[dict[str, str], list[str]]:
    """Return a command's options with their values, and the overrides of `data` and `paths`."""
    options, overrides = parse_arguments(arguments, defaults, CHOICES, command)
    without_effect = {f"data.{key}" for key in prepare_options()}
    for key in overridden_keys(overrides):
        if key in without_effect:
            raise OptionError(f"{key} has no effect: the model's own loci are used. Remove it.")
    if Path(options["out"]).is_dir():
        raise OptionError(f"out={options['out']} is a folder.")
    if Path(options["out"]).suffix not in (".parquet", ".csv"):
        raise OptionError(f"out={options['out']} must end in .parquet or .csv.")
    return options, overrides
