"""The progress bar of a training: epochs, loss, validation R2, remaining time.

A training that will take long says so once, as soon as its speed has shown.
"""

import math
import time

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TimeRemainingColumn,
)

from g2p.core.console import Console, TextColumn
from g2p.core.formatting import format_duration
from g2p.training.progress import SilentProgress

# Where there is no terminal (a log file, a scheduler), a line at most this often instead of a bar.
SECONDS_BETWEEN_LINES = 10.0
LONG = 600.0  # seconds that a training takes without a word
SECONDS_TIMED = 10.0  # before the whole is estimated
SHORTER = (
    "a GPU; fewer loci (data.max_correlation=0.94 prunes those that are alike); fewer epochs or "
    "updates (trainer.max_epochs, trainer.max_updates); runs of a kind packed into one "
    "(hydra/launcher=packed)"
)
SHORTER_FIT = (
    "fewer loci (data.max_correlation=0.94 prunes those that are alike), fewer strains "
    "(split.n_train), or fewer phenotypes at once (phenotype=NAME)"
)


class ProgressBar(SilentProgress):
    """One bar on standard error, from entering it to leaving it.

    Args:
        epochs: to train in all.
        done: epochs that are trained already.
        silent: neither bar nor lines.
        network: which network of an ensemble this is, and how many it has.
    """

    def __init__(
        self, epochs: int, done: int, silent: bool = False, network: tuple[int, int] = (1, 1)
    ):  # fmt: skip
        console = Console(stderr=True)
        number, self.n_networks = network
        several = f"network {number} of {self.n_networks}, " if self.n_networks > 1 else ""
        self.unit = f"{several}epoch"
        self.epochs, self.done, self.silent = epochs, done, silent
        self.total = epochs or 1  # a closed form advances by shares of the whole
        self.started = self.last_line = time.monotonic()
        self.is_announced = silent or number > 1  # the first speaks for all
        count = (
            (TextColumn("fitting"), TaskProgressColumn())
            if not epochs else (TextColumn(self.unit), MofNCompleteColumn())
        )  # fmt: skip
        self.bar = Progress(
            *count,
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=console,
            disable=silent or not console.is_terminal,
            transient=not epochs,
        )
        self.task = self.bar.add_task("", total=self.total, completed=done)

    def __enter__(self) -> "ProgressBar":
        if self.epochs:  # a closed form may be fitted before it has said anything
            self.bar.start()
        return self

    def __exit__(self, *error) -> None:
        self.bar.stop()

    def advance(self, epochs: float) -> None:
        """Move the bar to so many epochs, the last of them in part."""
        self.bar.start()  # once
        self.bar.update(self.task, completed=int(epochs * 100) / 100)
        seconds = time.monotonic() - self.started
        if not self.is_announced and seconds >= SECONDS_TIMED and epochs > self.done:
            self.is_announced = True
            total = seconds * (self.total - self.done) / (epochs - self.done) * self.n_networks
            if total > LONG:
                self.bar.console.print(self._warning(total), soft_wrap=True)

    def _warning(self, seconds: float) -> str:
        duration = format_duration(seconds)
        if not self.epochs:
            return f"This fit takes about {duration} in all. Shorter: {SHORTER_FIT}."
        networks = f" of {self.n_networks} networks" if self.n_networks > 1 else ""
        return (
            f"This training takes about {duration} for all {self.epochs} epochs{networks}, less "
            f"where patience ends it. Shorter: {SHORTER}."
        )

    def end_epoch(self, epoch: int, train_loss: float, r2: float, note: str = "") -> None:
        """Report an epoch, the first of which is 1; R2 is NaN without validation."""
        validated = "no validation" if math.isnan(r2) else f"val R2 {r2:z.3f}"
        text = f"loss {train_loss:.3f}  {validated}{note}"
        self.bar.update(self.task, description=text)
        quiet = time.monotonic() - self.last_line < SECONDS_BETWEEN_LINES
        if self.bar.disable and not self.silent and not quiet:
            self.last_line = time.monotonic()
            self.bar.console.print(f"{self.unit} {epoch}/{self.epochs}  {text}")
