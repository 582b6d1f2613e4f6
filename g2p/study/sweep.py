"""A study from its name to its report: planned, or trained, collected and published."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.text import Text

from g2p.core.console import Console, visible
from g2p.study.collect import collect, replaced_note
from g2p.study.ledger import format_counts
from g2p.study.publish import publish
from g2p.study.resolved_study import ResolvedStudy, resolve_study


class Outcome(NamedTuple):
    """A study's folder, and whether every run is done (true where nothing was to be trained)."""

    folder: Path
    is_done: bool


def sweep(
    name: str, size: str, overrides: list[str], flags: set[str], console: Console, *,
    seeds: Sequence[int] | None = None, tables: Sequence[Path] = (),
) -> Outcome:  # fmt: skip
    """Train, collect and publish a study, or do of that what the flags select.

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
    only_stored = "--collect" in flags
    resolved = resolve_study(
        name, size, overrides, seeds=seeds, tables=tables,
        make_splits=not (only_stored or "--dashboard" in flags),
    )  # fmt: skip
    _print_study(resolved, console)
    if "--dry-run" in flags:
        from g2p.study.plan import plan  # torch comes with it, and with training

        plan(resolved, console)
        return Outcome(resolved.folder, True)
    if "--dashboard" in flags:
        from g2p.study.wandb_workspace import write_dashboard

        runs, _ = resolved.needed_runs()
        print(write_dashboard(resolved.study, runs, resolved.folder), flush=True)
        return Outcome(resolved.folder, True)
    if not only_stored:
        from g2p.study.train import train

        train(resolved, console, retry="--retry-failed" in flags)
    runs, _ = resolved.needed_runs()
    if note := replaced_note(resolved.folder, resolved.every_run):
        console.print(f"warning: {note}", soft_wrap=True)
    table = collect(resolved.folder, runs, resolved.study.select, resolved.parts)
    publish(resolved, runs, table, console, only_stored=only_stored)
    ended = table.group_by(["signature", "status"]).aggregate([])
    counts = Counter(ended["status"].to_pylist())
    report = resolved.folder / "report.html"
    console.print(f"{format_counts(counts)}. report: {report}", soft_wrap=True)
    print(f"study: {resolved.folder}", flush=True)
    return Outcome(resolved.folder, counts["done"] == len(runs))


def _print_study(resolved: ResolvedStudy, console: Console) -> None:
    study = resolved.study
    console.print(
        Text.assemble((resolved.title, "bold"), f": {visible(study.question)}"), soft_wrap=True
    )
    for key in sorted(resolved.overridden.keys() & study.other_varying_keys):
        console.print(
            f"warning: your override sets {key} for every run; arms named after other values of it "
            "no longer differ in it.",
            soft_wrap=True,
        )
