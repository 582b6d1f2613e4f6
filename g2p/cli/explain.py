"""`g2p explain run=RUN [key=value ...]`: which loci, and which interactions, a run's model found.

    run=RUN                a finished run's directory, or the name of one in paths.runs
    phenotype=all          all, a name, or names: [23C,25C]
    loci=all               all, or names: [chr01_33,chr02_4]
    strains=500            validation and test strains whose loci are flipped, at most
    strongest=200          loci whose pairs are examined, at most: those with the largest effects
    proposals=auto         pairs of a phenotype that are tested on test strains, at most; auto: one
                           for ten test strains, at most 50
    linkage=auto           |r| from which on loci of a chromosome are flipped together; none: each
                           alone; auto: 0.5, but none where the panel's loci are the causal ones
    seed=0                 of the choice of strains
    code=PACKAGE           allow the run's model to be of code of one's own, which is then run
    accelerator=auto       auto: CUDA if available, else the CPU; cpu; cuda
    data=... data.key=...  the source of the run's data, where that has moved
    paths.runs=DIRECTORY   the directory of runs; paths.cache: that of stored panels
    --config-dir DIR       a folder of YAML files of one's own, such as DIR/data/mine.yaml

The effect of a locus is the mean over strains of f(+) - f(-), f the model's prediction with the
locus set to either allele; of a pair f(++) - f(+-) - f(-+) + f(--). Writes tables and figures into
RUN/explain. If it is killed, the same command goes on.
"""

from pathlib import Path

from g2p.cli.command import run_documented
from g2p.cli.run_arguments import find_run, parse_arguments
from g2p.config.compose import compose_config, overridden_keys, parse, plain
from g2p.core.errors import OptionError

DEFAULTS = {
    "run": "", "phenotype": "all", "loci": "all", "strains": "500", "strongest": "200",
    "proposals": "auto", "linkage": "auto", "seed": "0", "code": "", "accelerator": "auto",
}  # fmt: skip
CHOICES = {"accelerator": ("auto", "cpu", "cuda")}


def main() -> None:
    run_documented(_explain, description=__doc__, interrupted="stopped; the same command goes on.")


def _explain(arguments: list[str]) -> None:
    from g2p.explain.options import ExplainOptions
    from g2p.runs.directory import RunDirectory

    options, overrides = parse_arguments(arguments, DEFAULTS, CHOICES, "g2p explain")
    config = compose_config(overrides)
    keys = overridden_keys(overrides)
    directory = RunDirectory(find_run(options["run"], Path(config.paths.runs).expanduser()))
    chosen = ExplainOptions(
        phenotype=_names("phenotype", options["phenotype"]),
        loci=_names("loci", options["loci"]),
        **{key: _whole(key, options[key]) for key in ("strains", "strongest", "seed")},
        proposals=_unless_auto("proposals", options["proposals"]),
        linkage=_linkage(options["linkage"]),
    )
    from g2p.explain.explain import explain  # imports torch, which a wrong option does not need
    from g2p.explain.summary import print_summary

    explanation = explain(
        directory,
        chosen,
        accelerator=options["accelerator"],
        code=options["code"].split(","),
        data=config.data if any(key.partition(".")[0] == "data" for key in keys) else None,
        cache=config.paths.cache if "paths.cache" in keys else None,
    )
    print_summary(explanation)
    print(f"explanation: {explanation.folder}", flush=True)


def _names(key: str, text: str) -> str | list[str]:
    """Return a name, or the names of a list, as Hydra reads it."""
    (override,) = parse([f"{key}={text}"])
    value = plain(override.value())
    return list(map(str, value)) if isinstance(value, list) else str(value)


def _whole(key: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise OptionError(f"{key} must be a whole number, not {text!r}.") from None


def _unless_auto(key: str, text: str) -> int | str:
    return text if text == "auto" else _whole(key, text)


def _linkage(text: str) -> float | str | None:
    if text in ("none", "null"):
        return None
    try:
        return float(text)
    except ValueError:
        return text
