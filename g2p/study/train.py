"""Train what of a study is not finished."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from g2p.core.console import Console
from g2p.core.grouping import group_by
from g2p.core.phrases import listed, plural
from g2p.launch.hydra_launch import launch
from g2p.runs.lock import try_lock
from g2p.runs.resolve import finished_under_other_code
from g2p.study.design import Study
from g2p.study.expand import StudyRun
from g2p.study.job import Job
from g2p.study.ledger import Ledger, format_counts
from g2p.study.progress import LiveProgress
from g2p.study.resolved_study import ResolvedStudy
from g2p.study.run_time import expected_times
from g2p.study.time_left import TimeLeft
from g2p.tracking.group import Group
from g2p.tracking.tracker import check_installed


def train(resolved: ResolvedStudy, console: Console, *, retry: bool) -> None:
    """Train the runs of a study that are not finished.

    If the first seed tunes a hyperparameter for the others, its runs are trained first, then the
    other seeds with the chosen value.

    Args:
        resolved: the study.
        console: to print on.
        retry: whether failed runs are trained again.

    Raises:
        OptionError: for a logger whose package is not installed.
    """
    study = resolved.study
    check_installed(resolved.every_run[0].config.logger)
    if study.first_seed is not None:
        console.print(f"seed {study.first_seed}, which chooses {listed(study.select)}:")
        first = [run for run in resolved.every_run if run.config.seed == study.first_seed]
        _launch(resolved, first, retry, console)
        console.print("all seeds:")
    runs, undecided = resolved.needed_runs()
    _launch(resolved, [run for run in runs if run.signature not in undecided], retry, console)


def _launch(resolved: ResolvedStudy, runs: list[StudyRun], retry: bool, console: Console) -> None:
    """Launch unfinished runs.

    Runs that never started come first, so a run that crashes its process cannot block the rest.
    Where another process trains the study already, this one starts from the other end.
    """
    states = {run.signature: resolved.state(run) for run in runs}
    unfinished = ("pending", "running", "failed") if retry else ("pending", "running")
    todo = [run for run in runs if states[run.signature] in unfinished]
    console.print(f"{plural(len(runs), 'run')}: {format_counts(Counter(states.values()))}.")
    if not todo:
        return
    if earlier := finished_under_other_code(run.directory for run in todo):
        console.print(
            f"{plural(len(earlier), 'run')} finished under earlier code; training them again."
        )
    folder, study = resolved.folder, resolved.study
    todo = _by_replicate(todo, study)
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / ".training"
    lock.touch()
    with try_lock(lock) as is_first:
        if not is_first:
            todo.reverse()
        todo.sort(key=lambda run: run.directory.folder.exists())
        factors = {run.signature: run.factors for run in todo}
        job = Job(folder, Group.of_study(study.name, study.size), tuple(factors), retry, factors)
        states |= dict.fromkeys(factors, "pending")  # failed runs are tried again
        with LiveProgress(runs, states, folder, console, _time_left(runs, todo, states, folder)):
            launch(job, [run.overrides for run in todo], resolved.overrides)


def _time_left(
    runs: list[StudyRun], todo: list[StudyRun], states: Mapping[str, str], folder: Path
) -> TimeLeft:
    """What remains of the runs to do, from what finished ones of the study took."""
    took = Ledger(folder).seconds()
    finished = [run for run in runs if states[run.signature] == "done" and run.signature in took]
    earlier = {run.signature: took[run.signature] for run in finished}
    return TimeLeft(expected_times([*todo, *finished]), time.time(), earlier)


def _by_replicate(runs: list[StudyRun], study: Study) -> list[StudyRun]:
    """Order runs so that all arms of a seed and fold come before those of the next.

    What stands after a kill can then be compared, and what is left be estimated from runs of every
    kind.
    """
    names = ("seed", *study.folds)
    by_replicate = group_by(runs, lambda run: tuple(run.factors[name] for name in names))
    return [run for replicate in by_replicate.values() for run in replicate]
