"""What a study's launcher is at: how many runs are done, how long it takes, the best so far."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.progress import BarColumn, Progress
from rich.text import Text

from g2p.core.console import Console, TextColumn, visible
from g2p.core.errors import UserError
from g2p.study.expand import StudyRun
from g2p.study.ledger import STATUSES, Ledger, whole_entries

SECONDS_BETWEEN_LOOKS = 2.0


class NewEntries:
    """The lines that were added to a ledger since the last time it was read."""

    def __init__(self, folder: Path):
        self.file = Ledger(folder).file
        self.read = self.file.stat().st_size if self.file.exists() else 0

    def __iter__(self) -> Iterator[dict]:
        if not self.file.exists() or self.file.stat().st_size <= self.read:
            return
        with self.file.open("rb") as file:
            file.seek(self.read)
            added = file.read()
        whole, newline, _ = added.rpartition(b"\n")  # the rest is being written
        self.read += len(whole) + len(newline)
        yield from whole_entries(whole.splitlines())


class LiveProgress(threading.Thread):
    """Tells a line for each run that ends, and on a terminal a bar of where the study stands.

    Args:
        runs: all of the study.
        states: signature -> status, as it was before the launch.
        folder: of the study.
        console: where it is told.
    """

    def __init__(
        self, runs: list[StudyRun], states: Mapping[str, str], folder: Path, console: Console
    ):  # fmt: skip
        super().__init__(daemon=True)
        self.runs = {run.signature: run for run in runs}
        self.states = dict(states)
        self.news = NewEntries(folder)
        self.console = console
        self.stopped = threading.Event()
        self.started = time.monotonic()
        self.ended = 0  # since then
        self.best = (-float("inf"), "")
        for run in runs:
            if self.states[run.signature] == "done":
                self._keep_best(run)
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"),
            console=console, disable=not console.is_terminal, transient=True,
            refresh_per_second=2,
        )  # fmt: skip
        self.task = self.bar.add_task("study", total=len(runs), told="")

    def __enter__(self) -> "LiveProgress":
        self._draw()
        self.bar.start()
        self.start()
        return self

    def __exit__(self, *error) -> None:
        self.stopped.set()
        self.join()
        self.look()
        self.bar.stop()

    def run(self) -> None:
        while not self.stopped.wait(SECONDS_BETWEEN_LOOKS):
            self.look()

    def look(self) -> None:
        """Take note of what has changed, and tell what has ended."""
        for entry in self.news:
            run = self.runs.get(entry["signature"])
            if run is None:
                continue
            self.states[run.signature] = entry["status"]
            if entry["status"] in ("done", "failed"):
                self.ended += 1
                self._tell(run, entry)
        self._draw()

    def _tell(self, run: StudyRun, entry: Mapping) -> None:
        if entry["status"] == "done":
            r2 = self._keep_best(run)
            told = ["finished" if r2 is None else f"test R2 {r2:z.3f}"]
        else:
            reason = str(entry.get("error", "")).splitlines() or [""]
            told = [("failed", "bold"), f": {visible(reason[0])}"]
        counts = Counter(self.states.values())
        line = f"{counts['done'] + counts['failed']}/{len(self.runs)} {visible(_where(run))}: "
        self.console.print(Text.assemble(line, *told, f"  ({self._prospect()})"), soft_wrap=True)

    def _draw(self) -> None:
        counts = Counter(self.states.values())
        numbers = ", ".join(f"{counts[name]} {name}" for name in STATUSES if counts[name])
        told = "; ".join(filter(None, [numbers, self._prospect(), self.best[1]]))
        self.bar.update(self.task, completed=counts["done"] + counts["failed"], told=told)

    def _prospect(self) -> str:
        """The best so far, and how long the others will take."""
        r2, where = self.best
        parts = [f"best {r2:z.3f}"] if where else []
        left = sum(state in ("pending", "running") for state in self.states.values())
        if self.ended:
            seconds = (time.monotonic() - self.started) / self.ended * left
            parts.insert(0, f"{seconds / 60:.0f} min left")
        return "; ".join(parts)

    def _keep_best(self, run: StudyRun) -> float | None:
        """Its mean test R2, in a transfer that of the target alone, if it has one."""
        try:
            test = run.directory.metrics()["test"]
        except (OSError, UserError):  # removed or damaged: the results will say so
            return None
        r2 = test["r2"].get(run.target) if run.target else test["r2_mean"]
        if r2 is not None:
            self.best = max(self.best, (r2, _where(run)))
        return r2


def _where(run: StudyRun) -> str:
    return ", ".join(f"{key}={value}" for key, value in run.factors.items())
