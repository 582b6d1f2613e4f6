"""`g2p runs [key=value ...]`: list the runs in paths.runs and their differences; delete some.

    key=value        only runs with this value of a key of train.py
    key=a,b          with one of these values; key=interval(a,b): with a value between
    phenotype=a      only runs that predict this phenotype
    status=a         only runs that are done, running, pending (interrupted), failed, killed (ended
                     without an error), damaged, or unfinished (pending, failed or killed)
    paths.runs=DIR   the directory of the runs; default: runs
    sort=when        when: the latest first (default); r2: the best first; epochs; status; or a key
                     such as optim.lr
    --config-dir DIR a folder of YAML files of one's own: model=NAME then takes their names, too
    csv=FILE         also write the runs with all their keys to a file; the table is cut to the
                     terminal's width
    --errors         also print why runs are failed, killed or damaged
    --verify         also read every file of the runs, and find those that are damaged
    --prune          delete the listed runs, after you confirm
    --yes            confirm now

`python sweep.py --runs ...` is the same command. It never deletes a run that a process is training,
a folder that is not a run, or the target of a link.
"""

import sys
from collections import Counter
from pathlib import Path

from g2p.cli.command import run_command
from g2p.cli.config_dir import with_config_dir
from g2p.config.compose import compose_config
from g2p.core.console import Console, visible
from g2p.core.errors import OptionError, RunError
from g2p.core.phrases import listed, nearest, plural
from g2p.core.typed_command import with_typed_commands
from g2p.runs.directory import unverified_line
from g2p.runs.index import StoredRun, stored_runs, unrecognised_folders, verified
from g2p.runs.listing import errors, sorted_by, table, write_runs
from g2p.runs.prune import prune, size
from g2p.runs.query import parse_filter
from g2p.runs.status import STATES

OPTIONS = ("sort", "csv")
FLAGS = ("--errors", "--verify", "--prune", "--yes")


def main() -> None:
    """List and delete runs: `g2p runs ...`, which is `sweep.py --runs ...`."""
    arguments = sys.argv[1:]
    if {"-h", "--help"} & set(arguments):
        print(with_typed_commands(__doc__ or ""))
        return
    run_command(lambda: _browse_composed(arguments))


def _browse_composed(arguments: list[str]) -> None:
    with with_config_dir(arguments) as others:
        browse(*_parse(others), Console())


def _parse(arguments: list[str]) -> tuple[list[str], set[str]]:
    """Return the filters and options of a command line, and its flags.

    Raises:
        OptionError: for a flag that does not exist.
    """
    flags = {argument for argument in arguments if argument.startswith("-")} - {"--runs"}
    for flag in sorted(flags.difference(FLAGS)):
        raise OptionError(
            f"{flag} is not a flag of g2p runs.{nearest(flag, FLAGS)} Flags: {listed(FLAGS)}."
        )
    return [argument for argument in arguments if not argument.startswith("-")], flags


def browse(arguments: list[str], flags: set[str], console: Console) -> None:
    """List the runs that match the filters, and delete them with the flag --prune.

    Raises:
        OptionError: for an argument that is not a filter, or if no terminal can confirm a deletion.
    """
    paths = [argument for argument in arguments if argument.startswith("paths.runs=")]
    folder = Path(compose_config(paths, of_many=True).paths.runs).expanduser().absolute()
    options = _options(arguments)
    filters = [
        parse_filter(argument, folder) for argument in arguments
        if argument not in paths and argument.partition("=")[0] not in OPTIONS
    ]  # fmt: skip
    if not folder.is_dir():
        raise RunError(f"there are no runs: {folder} does not exist. Set paths.runs.")
    runs = stored_runs(folder)
    if "--verify" in flags:
        runs = [verified(run) for run in runs]
    runs = [run for run in runs if all(matches(run) for matches in filters)]
    if "sort" in options:
        runs = sorted_by(options["sort"], runs)
    sizes = [size(run) for run in runs] if "--prune" in flags else None
    for line in table(runs, None if sizes is None else [_bytes(each) for each in sizes]):
        print(visible(line))
    for error in errors(runs) if "--errors" in flags else ():
        print("\n".join(map(visible, error.splitlines())))
    if "csv" in options:
        file = Path(options["csv"]).expanduser()
        write_runs(file, runs)
        console.print(f"csv: {file}", soft_wrap=True)
    counts = Counter(run.state for run in runs)
    by_state = ", ".join(f"{counts[state]:,} {state}" for state in STATES if counts[state])
    console.print(
        f"{plural(len(runs), 'run')} in {folder}" + (f": {by_state}." if by_state else "."),
        soft_wrap=True,
    )
    if line := unverified_line(run.directory for run in runs):
        console.print(line, soft_wrap=True)
    if strangers := [path.name for path in unrecognised_folders(folder)]:
        console.print(
            f"Not listed, because they are not runs of g2p, or are links: {listed(strangers, 8)}.",
            soft_wrap=True,
        )
    if sizes and runs:
        _prune(runs, _bytes(sum(sizes)), "--yes" in flags, console)


def _options(arguments: list[str]) -> dict[str, str]:
    """Return the values of `sort` and `csv`."""
    options: dict[str, str] = {}
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key not in OPTIONS:
            continue
        if key in options:
            raise OptionError(
                f"{key} is given twice: {key}={options[key]} and {argument}. Keep one."
            )
        if not value:
            example = "sort=r2" if key == "sort" else "csv=FILE"
            raise OptionError(f"{key}= has no value. Write for example {example}.")
        options[key] = value
    if not options.get("csv", ".csv").endswith(".csv"):  # the command replaces an existing file
        raise OptionError(f"csv={options['csv']} must end in .csv.")
    return options


def _prune(runs: list[StoredRun], total: str, is_confirmed: bool, console: Console) -> None:
    if not is_confirmed and not sys.stdin.isatty():
        raise OptionError(
            "nothing was deleted: without a terminal you cannot confirm the deletion of "
            f"{plural(len(runs), 'run')} ({total}). --yes confirms it."
        )
    if not is_confirmed:
        answer = console.input(f"Delete {plural(len(runs), 'run')} ({total})? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            console.print("Nothing was deleted.")
            return
    in_use, foreign_files = [], []
    for run in runs:
        remaining = prune(run)
        if remaining is None:
            in_use.append(run.signature)
        else:
            foreign_files += map(str, remaining)
    lines = [f"Deleted {plural(len(runs) - len(in_use), 'run')}."]
    if in_use:
        lines.append(f"Not deleted, because a process is training them: {listed(in_use)}.")
    if foreign_files:
        lines.append(f"Not deleted, because no run has such files: {listed(foreign_files, 8)}.")
    console.print(" ".join(lines), soft_wrap=True)


def _bytes(number: int) -> str:
    return f"{number / 2**20:.1f} MiB"
