"""`python sweep.py study=NAME [size=smoke] [key=value ...]`: train a study, compare, report.

    study=NAME       the study in conf/study/NAME.yaml, or a file: study=path/to/mine.yaml
    size=full        the published size (default); laptop: hours on two cores; smoke: under a minute
    seeds=0,1        the part of the study with these seeds; another part may run elsewhere
    tables=[a.parquet,b.parquet]
                     results.parquet of parts that ran elsewhere: their runs are not trained again
    key=value        set a key of train.py for every run
    hydra/launcher=  where the runs are trained: basic (default), packed, joblib, submitit_local,
                     submitit_slurm or ray
    --config-dir DIR a folder of YAML files of one's own, such as DIR/model/mine.yaml
    --dry-run        list the runs without training
    --collect        report the present results, and those of tables=, without training
    --retry-failed   train the failed runs again
    --dashboard      save a Weights & Biases workspace of the study's runs, without training

Finished runs are not trained again. If the command is killed, run it again to resume the study. It
exits with 0 only if every run is done.
"""

import sys
from typing import TYPE_CHECKING

from g2p.cli.config_dir import with_config_dir
from g2p.cli.runs import FLAGS as LIST_FLAGS
from g2p.cli.runs import __doc__ as runs_help
from g2p.cli.runs import browse
from g2p.cli.study_options import read_seeds, read_tables, split_arguments
from g2p.config.compose import parse, refuse_repeated_keys
from g2p.core.console import Console
from g2p.core.errors import OptionError
from g2p.core.garbage import collect_rarely
from g2p.core.interrupts import Stopped, prioritise_interrupts, stop_on_signals, stopped_message
from g2p.core.messages import format_error, print_error
from g2p.core.phrases import listed, nearest
from g2p.core.pipes import survive_closed_pipes
from g2p.core.typed_command import typed_command, with_typed_commands
from g2p.study.study_files import studies

if TYPE_CHECKING:
    from g2p.study.sweep import Outcome

FLAGS = ("--dry-run", "--collect", "--retry-failed", "--dashboard")
FLAGS_OF_RUNS = ("--runs", *LIST_FLAGS)


def main() -> None:
    """Train and report a study; exits with 0 only if every run is done."""
    survive_closed_pipes()
    collect_rarely()
    stop_on_signals()
    arguments = sys.argv[1:]
    if not arguments or {"-h", "--help"} & set(arguments):
        print(with_typed_commands(f"{__doc__}\nStudies: {listed(studies())}.\n\n{runs_help}"))
        sys.exit(0 if arguments else 1)
    try:
        with prioritise_interrupts():
            outcome = execute(arguments, Console())
    except Stopped as stopped:
        print_error(stopped_message(stopped.number, "where it stopped"))
        sys.exit(128 + stopped.number)
    except Exception as error:
        print_error(format_error(error))
        sys.exit(1)
    sys.exit(0 if outcome is None or outcome.is_done else 1)


def execute(arguments: list[str], console: Console) -> "Outcome | None":
    """Execute a command line; return what became of the study, None for a list of runs.

    Raises:
        OptionError: for an argument, a flag, a study or a key that does not exist.
    """
    with with_config_dir(arguments) as others:
        return _execute_composed(others, console)


def _execute_composed(arguments: list[str], console: Console) -> "Outcome | None":
    flags = {argument for argument in arguments if argument.startswith("-")}
    others = [argument for argument in arguments if argument not in flags]
    lists_runs = "--runs" in flags
    for flag in sorted(flags.difference(FLAGS_OF_RUNS if lists_runs else FLAGS)):
        if flag in (*FLAGS, *FLAGS_OF_RUNS):
            raise OptionError(f"{flag} requires {'study=NAME' if lists_runs else '--runs'}.")
        raise OptionError(
            f"{flag} is not a flag of {typed_command('sweep')}."
            f"{nearest(flag, (*FLAGS, *FLAGS_OF_RUNS))} Flags: {listed((*FLAGS, *FLAGS_OF_RUNS))}."
        )
    if lists_runs:
        browse(others, flags, console)
        return None
    return execute_study(others, flags, console)


def execute_study(arguments: list[str], flags: set[str], console: Console) -> "Outcome":
    """Execute a study from its name, its size and overrides.

    Raises:
        OptionError: for an argument, a study or a key that does not exist.
    """
    options, overrides = split_arguments(arguments)
    if "study" not in options:
        raise OptionError(f"study=NAME is missing. It is one of {listed(studies())}.")
    parsed = parse(overrides)
    refuse_repeated_keys(parsed)
    for override in parsed:
        if override.key_or_group.replace("/", ".").startswith("hydra.sweeper"):
            raise OptionError(
                f"{override.input_line} has no effect: a study lists its runs itself. "
                f"Use {typed_command('train')} -m for a search."
            )
    seeds, tables = read_seeds(options.get("seeds")), read_tables(options.get("tables"))
    from g2p.study.sweep import sweep  # imports torch, which --runs and a wrong key do not need

    return sweep(
        options["study"], options.get("size", "full"), overrides, flags, console, seeds=seeds,
        tables=tables,
    )  # fmt: skip
