"""`python sweep.py study=NAME [size=smoke] [key=value ...]`: train a study, compare, report.

    study=NAME       conf/study/NAME.yaml
    size=smoke       under a minute on two cores; size=full is the published size (the default)
    key=value        as for train.py, for every run; hydra/launcher=joblib and others say where
    --dry-run        list the runs, without training
    --collect        the results as they are now, without training
    --retry-failed   try again what failed
    --dashboard      a Weights & Biases workspace of its runs, without training

Runs that are finished, whoever trained them, are taken as they are. Killed at any moment, the same
command goes on. Exits 0 only when every run is done.
"""

import sys

from g2p.cli.runs import __doc__ as browsing
from g2p.cli.runs import browse
from g2p.config.compose import parse, refuse_repeated_keys
from g2p.core.console import Console
from g2p.core.errors import UserError, listed, nearest
from g2p.core.interrupts import Stopped, prioritise_interrupts, stop_on_signals, stopped_message
from g2p.core.messages import format_error, print_error
from g2p.core.pipes import survive_closed_pipes
from g2p.study.design import studies

FLAGS = ("--dry-run", "--collect", "--retry-failed", "--dashboard")
FLAGS_OF_RUNS = ("--runs", "--prune", "--yes")


def main() -> None:
    survive_closed_pipes()
    stop_on_signals()
    words = sys.argv[1:]
    if not words or {"-h", "--help"} & set(words):
        print(f"{__doc__}\nStudies: {listed(studies())}.\n\n{browsing}")
        sys.exit(0 if words else 1)
    try:
        with prioritise_interrupts():
            finished = asked(words, Console())
    except Stopped as stopped:
        print_error(stopped_message(stopped.number, "where it was"))
        sys.exit(128 + stopped.number)
    except Exception as error:
        print_error(format_error(error))
        sys.exit(1)
    sys.exit(0 if finished else 1)


def asked(words: list[str], console: Console) -> bool:
    """What the command line asks for; returns whether all of it is done.

    Raises:
        UserError: for a word, a flag, a study or a key that does not exist.
    """
    flags = {word for word in words if word.startswith("-")}
    others = [word for word in words if word not in flags]
    browses = "--runs" in flags
    for flag in sorted(flags.difference(FLAGS_OF_RUNS if browses else FLAGS)):
        if flag in (*FLAGS, *FLAGS_OF_RUNS):
            raise UserError(f"{flag} goes with {'study=NAME' if browses else '--runs'}.")
        raise UserError(
            f"{flag} is no flag of sweep.py.{nearest(flag, (*FLAGS, *FLAGS_OF_RUNS))} "
            f"Flags: {listed((*FLAGS, *FLAGS_OF_RUNS))}."
        )
    if browses:
        browse(others, flags, console)
        return True
    own = {}
    overrides = []
    for word in others:
        key, equals, value = word.partition("=")
        if not equals and not key.startswith("~"):
            raise UserError(f"{word} is no word of sweep.py: study=NAME, size=smoke or key=value.")
        if key in ("study", "size"):
            if key in own:
                raise UserError(f"{key} is given twice: {own[key]} and {value}. Keep one.")
            own[key] = value
        else:
            overrides.append(word)
    if "study" not in own:
        raise UserError(f"study=NAME is missing. It is one of {listed(studies())}.")
    parsed = parse(overrides)
    refuse_repeated_keys(parsed)
    for override in parsed:
        if override.key_or_group.replace("/", ".").startswith("hydra.sweeper"):
            raise UserError(
                f"{override.input_line} has no effect: a study says itself which runs it has. "
                "train.py -m searches."
            )
    from g2p.study.sweep import sweep  # torch comes with it; --runs and a wrong word do not wait

    return sweep(own["study"], own.get("size", "full"), overrides, flags, console)
