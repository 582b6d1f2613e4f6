"""The live view of a study, from a ledger that is written while it is read."""

import io
import json
import time
from dataclasses import replace
from pathlib import Path

from g2p.core.console import Console
from g2p.runs.directory import RunDirectory
from g2p.study.expand import StudyRun
from g2p.study.ledger import Ledger
from g2p.study.progress import LiveProgress, NewEntries
from g2p.study.time_left import Expected, TimeLeft
from tests.helpers.stored_runs import metrics, write_status


def study_run(folder: Path, number: int, r2: float | None) -> StudyRun:
    """A run that is done, or not where `r2` is None."""
    directory = RunDirectory(folder / "runs" / f"{number:016x}")
    if r2 is not None:
        directory.write_metrics(metrics(directory.folder.name, r2=r2))
    return StudyRun(directory, [{"rung": f"[{number}]"}], {}, [], {}, [], 1, dict)


def time_left(runs: list[StudyRun]) -> TimeLeft:
    return TimeLeft({run.signature: Expected("a kind", "ridge", None) for run in runs}, time.time())


def print_progress(folder: Path, terminal: bool, entries: list[tuple]) -> str:
    """What is printed of five runs, one done before, as the ledger's lines come in.

    Args:
        entries: number of a run, its event, and what then stands in its status.json, if anything.
    """
    runs = [study_run(folder, i, [0.2, 0.5, 0.4, None, None][i]) for i in range(5)]
    states = dict.fromkeys((run.signature for run in runs), "pending") | {"0" * 16: "done"}
    ledger = Ledger(folder)
    ledger.write("0" * 16, "ended")  # before it watches
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=300)
    with LiveProgress(runs, states, folder, console, time_left(runs)) as progress:
        for number, event, *status in entries:
            if status:
                write_status(RunDirectory(folder / "runs" / f"{number:016x}"), **status[0])
            ledger.write(f"{number:016x}", event)
            progress.update()
        progress.bar.refresh()
    return out.getvalue()


FAILED = {"state": "failed", "error": "why [not]\nmore"}
ENTRIES = [
    (1, "begun"), (1, "ended"), (2, "begun"), (3, "begun"), (2, "ended"), (3, "ended", FAILED),
    (4, "begun"), (77, "ended"),
]  # fmt: skip


def test_a_line_for_each_run_that_ends(tmp_path):
    lines = print_progress(tmp_path, False, ENTRIES).splitlines()
    assert [line.partition(" (")[0].strip() for line in lines] == [
        "2/5 rung=[1]: test R2 0.500", "3/5 rung=[2]: test R2 0.400",
        "4/5 rung=[3]: failed: why [not]",
    ]  # fmt: skip
    assert all(line.endswith("(0 s left; best 0.500)") for line in lines)


def test_a_terminal_shows_where_the_study_stands(tmp_path):
    printed = print_progress(tmp_path, True, ENTRIES)
    assert "1 running, 3 done, 1 failed; 0 s left; best 0.500; rung=[1]" in printed
    assert "0m 4 pending, 1 done; best 0.200; rung=[0]" in printed  # what was done before counts


def test_runs_of_other_phenotypes_have_no_best(tmp_path):
    runs = [replace(study_run(tmp_path, i, 0.5), phenotypes=[name]) for i, name in enumerate("ab")]
    ledger, out = Ledger(tmp_path), io.StringIO()
    states = {run.signature: "pending" for run in runs}
    with LiveProgress(runs, states, tmp_path, Console(file=out, width=99), time_left(runs)) as bar:
        ledger.write(runs[0].signature, "ended")
        bar.update()
    assert "test R2 0.500" in out.getvalue() and "best" not in out.getvalue()


def test_of_a_transfer_only_the_target_counts(tmp_path):
    """A joint run knows everything of the other phenotypes."""
    runs = [study_run(tmp_path, i, 0.6) for i in (1, 2)]
    for run, r2 in zip(runs, (0.1, None), strict=True):
        scores = run.directory.metrics()
        scores["test"]["r2"]["cu"] = r2
        run.directory.write_metrics(scores)
    runs = [replace(run, target="cu") for run in runs]
    ledger, out = Ledger(tmp_path), io.StringIO()
    states = {run.signature: "pending" for run in runs}
    console = Console(file=out, width=300)
    with LiveProgress(runs, states, tmp_path, console, time_left(runs)) as progress:
        for run in runs:
            ledger.write(run.signature, "begun")
            ledger.write(run.signature, "ended")
            progress.update()
    first, second = out.getvalue().splitlines()
    assert "rung=[1]: test R2 0.100 " in first and first.endswith("best 0.100)")
    assert "rung=[2]: finished " in second and second.endswith("best 0.100)")


def test_a_run_that_is_gone_or_damaged_is_no_error(tmp_path):
    (tmp_path / "runs" / f"{4:016x}").mkdir(parents=True)
    (tmp_path / "runs" / f"{4:016x}" / "metrics.json").write_text("{")
    printed = print_progress(tmp_path, False, [(3, "ended"), (4, "ended")])
    assert "rung=[4]: finished" in printed and "rung=[3]" not in printed


def test_new_entries_are_read_once_however_they_are_cut(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write("a", "ended")
    new_entries = NewEntries(tmp_path)
    assert list(new_entries) == []
    at = "2026-01-02T03:04:05+00:00"
    entries = [{"signature": each, "event": "ended", "at": at} for each in "bcd"]
    lines = "".join(f"\n{json.dumps(entry)}\n" for entry in entries)
    lines += f'\n{{"signature": "cut sho\n[1]\n{{"signature": "e", "event": "odd", "at": "{at}"}}\n'
    lines += '\n{"signature": "e", "event": "ended", "at": "now"}\n'
    signatures = []
    for letter in lines:
        with ledger.file.open("a") as file:
            file.write(letter)
        signatures += [entry["signature"] for entry in new_entries]
    assert signatures == ["b", "c", "d"]


def test_a_ledger_without_new_entries_is_not_opened(tmp_path, monkeypatch):
    new_entries = NewEntries(tmp_path)
    assert list(new_entries) == []  # it does not exist yet
    ledger = Ledger(tmp_path)
    ledger.write("new", "ended")
    assert [entry["signature"] for entry in new_entries] == ["new"]
    assert new_entries.read == ledger.file.stat().st_size
    monkeypatch.setattr(Path, "open", None)
    assert list(new_entries) == []
