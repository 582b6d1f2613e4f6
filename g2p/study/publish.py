"""Publish a study: what its runs found, compared, printed, and written as a report."""

import pyarrow as pa

from g2p.core.console import Console
from g2p.core.phrases import plural
from g2p.runs.directory import unverified_line
from g2p.runs.environment import installed
from g2p.study.analyze import compare_and_report
from g2p.study.expand import StudyRun
from g2p.study.explanations import explain_runs
from g2p.study.resolved_study import ResolvedStudy
from g2p.study.wandb_summary import log_summary


def publish(
    resolved: ResolvedStudy, runs: list[StudyRun], table: pa.Table, console: Console, *,
    only_stored: bool,
) -> None:  # fmt: skip
    """Explain and compare a study's runs, and write the report; log it to W&B.

    Args:
        resolved: the study.
        runs: that the study needs.
        table: collected of them.
        console: to print on.
        only_stored: explain nothing anew, and log nothing.
    """
    study, folder = resolved.study, resolved.folder
    for line in resolved.parts.notes(run.signature for run in runs):
        console.print(f"warning: {line}", soft_wrap=True)
    counting = set(table.filter(table["selected"])["signature"].to_pylist())
    counted = [run for run in runs if run.signature in counting]
    explained = explain_runs(study, counted, folder, console, only_stored=only_stored)
    compare_and_report(study, runs, table, folder, resolved.arguments, console, explained)
    if explained:
        from g2p.report.study.explained_section import print_recovery  # imports matplotlib

        print_recovery(explained, console)
    if not only_stored:
        log_summary(study, runs, folder)
    if line := unverified_line(run.directory for run in runs):
        console.print(line, soft_wrap=True)
    if line := _other_versions(table):
        console.print(f"warning: {line}", soft_wrap=True)


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
