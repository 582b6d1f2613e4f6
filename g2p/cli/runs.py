"""`python sweep.py --runs [key=value ...]`: which runs there are, and what differs between them.

    --runs       list the runs below paths.runs that fit every key=value, as for train.py
    key=a,b      either of them; interval(a,b): between
    phenotype=a  among those that a run predicts
    status=a     done, running, unfinished (killed, or failed on the way) or damaged
    sort=r2      the best first; or when (the default), epochs, status, or a key such as optim.lr
    csv=FILE     write them with all their keys to a file, too; the table is cut to the terminal
    --prune      delete what is listed, once you have said yes
    --yes        say yes now

What a process is training is never deleted, nor what is no run, nor what a link leads to.
"""

import sys
from collections import Counter
from pathlib import Path

from g2p.cli.command import run_command
from g2p.config.compose import compose_config
from g2p.core.console import Console, visible
from g2p.core.errors import UserError, listed, nearest, plural
from g2p.runs.index import STATES, StoredRun, stored_runs, unrecognised_folders
from g2p.runs.listing import sorted_by, table, write_csv
from g2p.runs.prune import prune, size
from g2p.runs.query import parse_filter

OWN_WORDS = ("sort", "csv")
FLAGS = ("--prune", "--yes")


def main() -> None:
    """`g2p runs ...`, which is `sweep.py --runs ...`."""
    words = sys.argv[1:]
    if {"-h", "--help"} & set(words):
        print(__doc__)
        return
    run_command(lambda: browse(*sorted_out(words), Console()))


def sorted_out(words: list[str]) -> tuple[list[str], set[str]]:
    """Return the filters of a command line, and its flags.

    Raises:
        UserError: for a flag that does not exist.
    """
    flags = {word for word in words if word.startswith("-")} - {"--runs"}
    for flag in sorted(flags.difference(FLAGS)):
        raise UserError(f"{flag} is no flag here.{nearest(flag, FLAGS)} Flags: {listed(FLAGS)}.")
    return [word for word in words if not word.startswith("-")], flags


def browse(words: list[str], flags: set[str], console: Console) -> None:
    """List the runs that fit the words, and prune them if asked to.

    Raises:
        UserError: for a word that is no filter, or when nobody can be asked before they are pruned.
    """
    where = [word for word in words if word.startswith("paths.runs=")]
    folder = Path(compose_config(where, of_many=True)["paths"]["runs"]).expanduser().absolute()
    own = _own(words)
    filters = [w for w in words if w not in where and w.partition("=")[0] not in OWN_WORDS]
    fits = [parse_filter(word) for word in filters]
    if not folder.is_dir():
        raise UserError(f"there are no runs: {folder} does not exist. paths.runs says where.")
    runs = [run for run in stored_runs(folder) if all(fit(run) for fit in fits)]
    if "sort" in own:
        runs = sorted_by(own["sort"], runs)
    sizes = [size(run) for run in runs] if "--prune" in flags else None
    for line in table(runs, sizes and [_bytes(each) for each in sizes]):
        print(visible(line))
    if "csv" in own:
        file = Path(own["csv"]).expanduser()
        write_csv(file, runs)
        console.print(f"csv: {file}", soft_wrap=True)
    counts = Counter(run.state for run in runs)
    told = ", ".join(f"{counts[state]:,} {state}" for state in STATES if counts[state])
    console.print(
        f"{plural(len(runs), 'run')} in {folder}" + (f": {told}." if told else "."), soft_wrap=True
    )
    if strangers := [path.name for path in unrecognised_folders(folder)]:
        console.print(
            f"Passed over, for these are no runs of g2p, or links: {listed(strangers, 8)}.",
            soft_wrap=True,
        )
    if sizes and runs:
        _prune(runs, _bytes(sum(sizes)), "--yes" in flags, console)


def _own(words: list[str]) -> dict[str, str]:
    """What the words say to `sort` and `csv`."""
    own: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition("=")
        if key not in OWN_WORDS:
            continue
        if key in own:
            raise UserError(f"{key} is given twice: {key}={own[key]} and {word}. Keep one.")
        if not value:
            raise UserError(f"{key}= says nothing: {'sort=r2' if key == 'sort' else 'csv=FILE'}.")
        own[key] = value
    if not own.get("csv", ".csv").endswith(".csv"):  # it replaces what is there
        raise UserError(f"csv={own['csv']} must end in .csv.")
    return own


def _prune(runs: list[StoredRun], total: str, sure: bool, console: Console) -> None:
    if not sure and not sys.stdin.isatty():
        raise UserError(
            "nothing was deleted: there is no terminal to ask whether "
            f"{plural(len(runs), 'run')} ({total}) may go. --yes says so."
        )
    if not sure:
        answer = console.input(f"Delete {plural(len(runs), 'run')} ({total})? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            console.print("Nothing was deleted.")
            return
    kept, left = [], []
    for run in runs:
        others = prune(run)
        if others is None:
            kept.append(run.signature)
        else:
            left += map(str, others)
    lines = [f"Deleted {plural(len(runs) - len(kept), 'run')}."]
    if kept:
        lines.append(f"Kept, because a process is at it: {listed(kept)}.")
    if left:
        lines.append(f"Left in place, for a run has no such files: {listed(left, 8)}.")
    console.print(" ".join(lines), soft_wrap=True)


def _bytes(number: int) -> str:
    return f"{number / 2**20:.1f} MiB"
