"""The progress bar of a training: epochs, loss, validation R2, remaining time."""

import math
import time

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from g2p.core.console import Console, TextColumn
from g2p.training.progress import SilentProgress

# Where there is no terminal (a log file, a scheduler), a line at most this often instead of a bar.
SECONDS_BETWEEN_LINES = 10.0


class ProgressBar(SilentProgress):
    """One bar on standard error, from entering it to leaving it.

    Args:
        epochs: to train in all.
        done: epochs that are trained already.
        silent: neither bar nor lines.
    """

    def __init__(self, epochs: int, done: int, silent: bool = False):
        console = Console(stderr=True)
        self.epochs, self.silent = epochs, silent
        self.last_line = time.monotonic()
        self.bar = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=console,
            disable=silent or not console.is_terminal,
        )
        self.task = self.bar.add_task("", total=epochs, completed=done)

    def __enter__(self) -> "ProgressBar":
        self.bar.start()
        return self

    def __exit__(self, *error) -> None:
        self.bar.stop()

    def advance(self, epochs: float) -> None:
        """Move the bar to so many epochs, the last of them in part."""
        self.bar.update(self.task, completed=int(epochs * 100) / 100)

    def end_epoch(self, epoch: int, train_loss: float, r2: float, note: str = "") -> None:
        """Report an epoch, the first of which is 1; R2 is NaN without validation."""
        validated = "no validation" if math.isnan(r2) else f"val R2 {r2:z.3f}"
        text = f"loss {train_loss:.3f}  {validated}{note}"
        self.bar.update(self.task, description=text)
        quiet = time.monotonic() - self.last_line < SECONDS_BETWEEN_LINES
        if self.bar.disable and not self.silent and not quiet:
            self.last_line = time.monotonic()
            self.bar.console.print(f"epoch {epoch}/{self.epochs}  {text}")
