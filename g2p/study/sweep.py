"""A study from its name to its report: planned, launched, collected, compared."""

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from filelock import FileLock, Timeout
from rich.text import Text

from g2p.config.compose import overridden_values
from g2p.core.console import Console, visible
from g2p.core.errors import OptionError
from g2p.core.phrases import listed, plural
from g2p.core.typed_command import typed_command
from g2p.launch.hydra_launch import launch
from g2p.launch.prepare import runs_at_once
from g2p.runs.directory import unverified_line
from g2p.runs.environment import installed
from g2p.runs.resolve import finished_under_other_code
from g2p.study.analyze import compare_and_report
from g2p.study.collect import COLUMNS, collect
from g2p.study.design import Study, load_study
from g2p.study.expand import StudyRun, phenotypes_of, resolve
from g2p.study.explanations import explain_runs
from g2p.study.ledger import STATES, study_status
from g2p.study.parts import Parts
from g2p.study.progress import LiveProgress
from g2p.study.tuning import needed_runs
from g2p.study.wandb_summary import log_summary
from g2p.study.wandb_workspace import write_dashboard
from g2p.tracking.group import Group


class Outcome(NamedTuple):
    """A study's folder, and whether every run is done (true where nothing was to be trained)."""

    folder: Path
    is_done: bool


def sweep(
    name: str, size: str, overrides: list[str], flags: set[str], console: Console, *,
    seeds: Sequence[int] | None = None, tables: Sequence[Path] = (),
) -> Outcome:  # fmt: skip
    """Train, compare and report a study, or the part of that which the flags select.

    Args:
        name: of the study, or the path of its file.
        size: of the study.
        overrides: of every run, as on the command line, Hydra's own among them.
        flags: of `sweep.py`.
        console: to print on.
        seeds: of a part of the study; None: all of the spec.
        tables: results.parquet of parts that ran elsewhere, whose runs are not trained here.

    Returns:
        The study's folder, and whether every run is done.

    Raises:
        OptionError: for a study or a key that does not exist, and for force=true.
    """
    of_runs = [each for each in overrides if not each.lstrip("+~").startswith("hydra")]
    with _without_garbage_collection():
        user_values = overridden_values(of_runs)
        study = load_study(
            name, size, lambda common: phenotypes_of(of_runs, common), user_values, seeds
        )
        _check_names(study)
        runs = resolve(study, of_runs, make_splits=not flags & {"--collect", "--dashboard"})
    if any(run.config.force for run in runs):
        raise OptionError(
            f"force=true is for {typed_command('train')}: a study does not train finished runs "
            "again. `g2p runs ... --prune` removes the runs that you want to train again."
        )
    title = f"{study.name}-{size}"
    folder = runs[0].directory.folder.parent.parent / "studies" / title
    console.print(Text.assemble((title, "bold"), f": {visible(study.question)}"), soft_wrap=True)
    for key in sorted(user_values.keys() & study.other_varying_keys):
        console.print(
            f"warning: your override sets {key} for every run; arms named after other values of it "
            "no longer differ in it.",
            soft_wrap=True,
        )
    parts = Parts(tables)
    every_run, (runs, undecided) = runs, needed_runs(study, runs, parts)
    if "--dry-run" in flags:
        from g2p.study.dry_run import show_plan  # this imports torch, as Job does below

        states = [_state(run, parts) for run in runs]
        show_plan(runs, states, console, runs_at_once(overrides))
        console.print(f"{_format_counts(Counter(states))}.")
        return Outcome(folder, True)
    if "--dashboard" in flags:
        print(write_dashboard(study, runs, folder), flush=True)
        return Outcome(folder, True)
    if "--collect" not in flags:
        train = partial(
            _train, study, parts, folder, overrides, "--retry-failed" in flags, console
        )  # fmt: skip
        if study.first_seed is not None:
            console.print(f"seed {study.first_seed}, which chooses {listed(study.select)}:")
            train([run for run in runs if run.config.seed == study.first_seed])
            runs, undecided = needed_runs(study, every_run, parts)
            console.print("all seeds:")
        train([run for run in runs if run.signature not in undecided])
    for line in parts.notes(run.signature for run in runs):
        console.print(f"warning: {line}", soft_wrap=True)
    table = collect(folder, runs, study.select, parts)
    explained = explain_runs(study, runs, folder, console, only_stored="--collect" in flags)
    arguments = [f"study={name}", f"size={size}", *_part_arguments(seeds, tables), *overrides]
    compare_and_report(study, runs, table, folder, arguments, console, explained)
    if explained:
        from g2p.report.study.explained_section import print_recovery  # imports matplotlib

        print_recovery(explained, console)
    if "--collect" not in flags:
        log_summary(study, runs, folder)
    if line := unverified_line(run.directory for run in runs):
        console.print(line, soft_wrap=True)
    if line := _other_versions(table):
        console.print(f"warning: {line}", soft_wrap=True)
    counts = _counted(table)
    console.print(f"{_format_counts(counts)}. report: {folder / 'report.html'}", soft_wrap=True)
    print(f"study: {folder}", flush=True)
    return Outcome(folder, counts["done"] == len(runs))


def _state(run: StudyRun, parts: Parts) -> str:
    """A run's status; done where a table of another part has its results."""
    return "done" if parts.signature_of(run.signature) else study_status(run.directory).state


def _part_arguments(seeds: Sequence[int] | None, tables: Sequence[Path]) -> list[str]:
    """The arguments that name a part of a study, for the report's command."""
    arguments = [] if seeds is None else [f"seeds={','.join(map(str, seeds))}"]
    return [*arguments, f"tables=[{','.join(map(str, tables))}]"] if tables else arguments


def _check_names(study: Study) -> None:
    """Refuse a factor whose name is already a column of the results."""
    for factor in study.points[0].factors:
        if factor in COLUMNS:
            raise OptionError(
                f"study={study.name}: a factor cannot be called {factor}, which is a column of "
                "results.parquet. Rename it, and let each of its values say which keys it sets."
            )


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keep Python from searching for garbage in objects that all live to the end.

    The search takes a sixth of the time that 10,000 runs take to collect.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _train(
    study: Study, parts: Parts, folder: Path, overrides: list[str], retry: bool,
    console: Console, runs: list[StudyRun],
) -> None:  # fmt: skip
    """Launch unfinished runs.

    Runs that never started come first, so a run that crashes its process cannot block the rest.
    Where another process trains the study already, this one starts from the other end.
    """
    states = {run.signature: _state(run, parts) for run in runs}
    unfinished = ("pending", "running", "failed") if retry else ("pending", "running")
    todo = [run for run in runs if states[run.signature] in unfinished]
    console.print(f"{plural(len(runs), 'run')}: {_format_counts(Counter(states.values()))}.")
    if not todo:
        return
    if earlier := finished_under_other_code(run.directory for run in todo):
        console.print(
            f"{plural(len(earlier), 'run')} finished under earlier code; training them again."
        )
    from g2p.study.job import Job

    with _first(folder) as first:
        if not first:
            todo.reverse()
        todo.sort(key=lambda run: run.directory.folder.exists())
        factors = {run.signature: run.factors for run in todo}
        job = Job(folder, Group.of_study(study.name, study.size), tuple(factors), retry, factors)
        states |= dict.fromkeys(factors, "pending")  # failed runs are tried again
        with LiveProgress(runs, states, folder, console):
            launch(job, [run.overrides for run in todo], overrides)


@contextmanager
def _first(folder: Path) -> Iterator[bool]:
    """Whether no other process trains the study."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".training")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
    else:
        try:
            yield True
        finally:
            lock.release()


def _other_versions(table: pa.Table) -> str | None:
    """A sentence on the runs trained with other libraries than are installed; None for none."""
    by_run = dict(zip(table["signature"].to_pylist(), table["versions"].to_pylist(), strict=True))
    others = [versions for versions in by_run.values() if versions not in (None, installed())]
    if not others:
        return None
    return (
        f"{len(others)} of {plural(len(by_run), 'run')} used other versions "
        f"({'; '.join(dict.fromkeys(others))}) than are installed ({installed()}). Runs made here "
        "may differ from them in their last digits."
    )


def _counted(table: pa.Table) -> Counter:
    """How many runs of the results have each status."""
    runs = table.group_by(["signature", "status"]).aggregate([])
    return Counter(runs["status"].to_pylist())


def _format_counts(counts: Counter) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in STATES if counts[name]) or "none"
