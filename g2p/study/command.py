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

import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from rich.console import Console

from g2p.cli import Stopped, composed, message, say
from g2p.errors import UserError, listed, nearest
from g2p.results.tracker import Group
from g2p.study.collect import collect
from g2p.study.dashboard import write_dashboard
from g2p.study.dry_run import show_plan
from g2p.study.job import Job
from g2p.study.launch import launch
from g2p.study.ledger import STATUSES, Ledger, status
from g2p.study.plan import Study, load_study, studies
from g2p.study.publish import publish
from g2p.study.runs import StudyRun, phenotypes_of, resolve
from g2p.study.summary_run import log_summary

FLAGS = ("--dry-run", "--collect", "--retry-failed", "--dashboard")
SECONDS_BETWEEN_LOOKS = 2.0


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    words = sys.argv[1:]
    if not words or {"-h", "--help"} & set(words):
        print(f"{__doc__}\nStudies: {listed(studies())}.")
        sys.exit(0 if words else 1)
    try:
        finished = sweep(words, Console())
    except Stopped as stopped:
        name = signal.Signals(stopped.number).name
        say(f"stopped by {name}. The same command goes on where it was.")
        sys.exit(128 + stopped.number)
    except Exception as error:
        say(message(error))
        sys.exit(1)
    sys.exit(0 if finished else 1)


def _stop(number: int, frame) -> None:
    raise Stopped(number)


def sweep(words: list[str], console: Console) -> bool:
    """What the command line asks for; returns whether every run is done.

    Raises:
        UserError: for a study, a key or a flag that does not exist.
    """
    flags = {word for word in words if word.startswith("--")}
    for flag in flags:
        if flag not in FLAGS:
            raise UserError(f"{flag} is no flag of sweep.py.{nearest(flag, FLAGS)}")
    own = {"size": "full"}
    overrides = []
    for word in words:
        key, equals, value = word.partition("=")
        if key in ("study", "size") and equals:
            own[key] = value
        elif word not in flags:
            overrides.append(word)
    if "study" not in own:
        raise UserError(f"study=NAME is missing. It is one of {listed(studies())}.")
    plain = [word for word in overrides if not word.lstrip("+~").startswith("hydra")]
    study = load_study(own["study"], own["size"], lambda: phenotypes_of(plain))
    runs = resolve(study, plain)
    base = composed(plain, of_many=True)
    name = f"{study.name}-{study.size}"
    folder = Path(base["paths"]["runs"]).expanduser().absolute().parent / "studies" / name
    console.print(f"[bold]{name}[/bold]: {study.question}", soft_wrap=True)
    if "--dry-run" in flags:
        entries = Ledger(folder).entries()
        states = [status(run.record, entries.get(run.signature)) for run in runs]
        show_plan(runs, states, console)
        console.print(f"{_told(Counter(states))}.")
        return True
    if "--dashboard" in flags:
        print(write_dashboard(study, runs, folder), flush=True)
        return True
    if "--collect" not in flags:
        _train(study, runs, folder, overrides, "--retry-failed" in flags, console)
    table = collect(folder, runs)
    publish(study, runs, table, folder, words, console)
    if "--collect" not in flags:
        log_summary(study, runs, folder)
    counts = counted(runs, folder)
    console.print(f"{_told(counts)}. report: {folder / 'report.html'}", soft_wrap=True)
    print(f"study: {folder}", flush=True)
    return counts["done"] == len(runs)


def _train(
    study: Study, runs: list[StudyRun], folder: Path, words: list[str], retry: bool,
    console: Console,
) -> None:  # fmt: skip
    """Launch what is not done, first what was never begun: a run that kills its process is last."""
    entries = Ledger(folder).entries()
    todo = []
    for run in runs:
        now = status(run.record, entries.get(run.signature))
        if now in ("pending", "running") or (now == "failed" and retry):
            todo.append(run)
    todo.sort(key=lambda run: run.signature in entries)
    console.print(f"{len(runs)} runs: {_told(counted(runs, folder))}.")
    if not todo:
        return
    factors = {run.signature: run.factors for run in todo}
    group = Group.of_study(study.name, study.size)
    job = Job(folder, group, tuple(factors), retry, factors)
    watch = Watch(todo, folder, console)
    try:
        launch(job, [run.words for run in todo], words)
    finally:
        watch.stop()


def counted(runs: list[StudyRun], folder: Path) -> Counter:
    """How many runs have each status."""
    entries = Ledger(folder).entries()
    return Counter(status(run.record, entries.get(run.signature)) for run in runs)


def _told(counts: Counter) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in STATUSES if counts[name]) or "none"


class Watch(threading.Thread):
    """Says which runs have ended, how many are left, for how long, and the best so far."""

    def __init__(self, runs: list[StudyRun], folder: Path, console: Console):
        super().__init__(daemon=True)
        self.runs, self.folder, self.console = runs, folder, console
        self.ended = threading.Event()
        self.seen: set[str] = set()
        self.best = (-float("inf"), "")
        self.started = time.monotonic()
        self.start()

    def run(self) -> None:
        while not self.ended.wait(SECONDS_BETWEEN_LOOKS):
            self.look()

    def stop(self) -> None:
        self.ended.set()
        self.join()
        self.look()

    def look(self) -> None:
        entries = Ledger(self.folder).entries()
        for run in self.runs:
            entry = entries.get(run.signature, {})
            if run.signature in self.seen or entry.get("status") not in ("done", "failed"):
                continue
            self.seen.add(run.signature)
            done = len(self.seen)
            left = (time.monotonic() - self.started) / done * (len(self.runs) - done)
            where = ", ".join(f"{key}={value}" for key, value in run.factors.items())
            if entry["status"] == "done":
                r2 = run.record.metrics()["test"]["r2_mean"]
                self.best = max(self.best, (r2, where))
                told = f"test R2 {r2:.3f}"
            else:
                told = f"[bold]failed[/bold]: {entry['error'].splitlines()[0]}"
            self.console.print(
                f"{done}/{len(self.runs)} {where}: {told}  (best {self.best[0]:.3f}; "
                f"{left / 60:.0f} min left)",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
