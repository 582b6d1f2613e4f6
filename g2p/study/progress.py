"""The progress of a study under way: runs that are done, remaining time, the best run so far."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.progress import BarColumn, Progress
from rich.text import Text

from g2p.core.console import Console, TextColumn, visible
from g2p.core.errors import G2PError
from g2p.core.formatting import format_duration, format_factors
from g2p.core.json_shapes import LedgerLine
from g2p.runs.status import RunStatus
from g2p.study.expand import StudyRun
from g2p.study.ledger import Ledger, format_counts, study_status, whole_entries
from g2p.study.time_left import TimeLeft

SECONDS_BETWEEN_UPDATES = 2.0


class NewEntries:
    """The lines that were added to a ledger since the last time it was read."""

    def __init__(self, folder: Path):
        self.file = Ledger(folder).file
        self.read = self.file.stat().st_size if self.file.exists() else 0

    def __iter__(self) -> Iterator[LedgerLine]:
        if not self.file.exists() or self.file.stat().st_size <= self.read:
            return
        with self.file.open("rb") as file:
            file.seek(self.read)
            added = file.read()
        whole, newline, _ = added.rpartition(b"\n")  # the rest is still being written
        self.read += len(whole) + len(newline)
        yield from whole_entries(whole.splitlines())


class LiveProgress(threading.Thread):
    """Prints a line for each run that ends, and on a terminal a bar with the study's progress.

    Args:
        runs: all of the study.
        states: signature -> status, as it was before the launch.
        folder: of the study.
        console: to print on.
        time_left: of the runs that are launched.
    """

    def __init__(
        self, runs: list[StudyRun], states: Mapping[str, str], folder: Path, console: Console,
        time_left: TimeLeft,
    ):  # fmt: skip
        super().__init__(daemon=True)
        self.runs = {run.signature: run for run in runs}
        self.states = dict(states)
        self.new_entries = NewEntries(folder)
        self.console = console
        self.stopped = threading.Event()
        self.time_left = time_left
        self.best = (-float("inf"), "")
        # R2 of one phenotype says nothing of that of another.
        self.are_ranked = len({run.target or (*run.phenotypes,) for run in runs}) == 1
        for run in runs:
            if self.states[run.signature] == "done":
                self._update_best(run)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[summary]}"),
            console=console, disable=not console.is_terminal, transient=True,
            refresh_per_second=2,
        )  # fmt: skip
        self.task = self.bar.add_task("study", total=len(runs), summary="")

    def __enter__(self) -> "LiveProgress":
        self._draw()
        self.bar.start()
        self.start()
        return self

    def __exit__(self, *error) -> None:
        self.stopped.set()
        self.join()
        self.update()
        self.bar.stop()

    def run(self) -> None:
        while not self.stopped.wait(SECONDS_BETWEEN_UPDATES):
            self.update()

    def update(self) -> None:
        """Read the new lines of the ledger, and print those of runs that ended."""
        for entry in self.new_entries:
            run = self.runs.get(entry["signature"])
            if run is None:
                continue
            at = entry["at"].timestamp()
            if entry["event"] == "begun":  # its status follows once its data is prepared
                self.states[run.signature] = "running"
                self.time_left.begin(run.signature, at)
                continue
            status = study_status(run.directory)
            self.states[run.signature] = status.state
            self.time_left.end(run.signature, at, finished=status.state == "done")
            if status.state in ("done", "failed"):
                self._print_end(run, status)
        self._draw()

    def _print_end(self, run: StudyRun, status: RunStatus) -> None:
        if status.state == "done":
            r2 = self._update_best(run)
            outcome = ["finished" if r2 is None else f"test R2 {r2:z.3f}"]
        else:
            reason = (status.error or "").splitlines() or [""]
            outcome = [("failed", "bold"), f": {visible(reason[0])}"]
        counts = Counter(self.states.values())
        ended = f"{counts['done'] + counts['failed']}/{len(self.runs)}"
        line = f"{ended} {visible(format_factors(run.factors))}: "
        text = Text.assemble(line, *outcome, f"  ({self._remaining()})")
        self.console.print(text, soft_wrap=True)

    def _draw(self) -> None:
        counts = Counter(self.states.values())
        parts = (format_counts(counts), self._remaining(), self.best[1])
        summary = "; ".join(filter(None, parts))
        self.bar.update(self.task, completed=counts["done"] + counts["failed"], summary=summary)

    def _remaining(self) -> str:
        """The best R2 so far, and how long the remaining runs will take."""
        r2, best_run = self.best
        parts = [f"best {r2:z.3f}"] if best_run else []
        order = self.time_left.expected
        waiting = [signature for signature in order if self.states[signature] == "pending"]
        seconds = self.time_left.seconds(waiting, time.time())
        if seconds is not None:
            parts.insert(0, f"{format_duration(seconds)} left")
        return "; ".join(parts)

    def _update_best(self, run: StudyRun) -> float | None:
        """Return a run's mean test R2, in a transfer the target's, and compare it with the best."""
        try:
            test = run.directory.metrics()["test"]
        except (OSError, G2PError):  # removed or damaged: collecting reports it
            return None
        r2 = test["r2"].get(run.target) if run.target else test["r2_mean"]
        if r2 is not None and self.are_ranked:
            self.best = max(self.best, (r2, format_factors(run.factors)))
        return r2
