"""The progress bar of a run: epochs, loss, validation R2, time left."""

import math
import time

import lightning as L
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

# Where there is no terminal (a log file, a scheduler), a line at most this often instead of a bar.
SECONDS_BETWEEN_LINES = 10.0


class ProgressBar(L.Callback):
    """One bar for the whole run, on standard error, advancing by batches."""

    def __init__(self):
        self.bar, self.said = None, 0.0

    def on_train_start(self, trainer, task) -> None:
        console = Console(stderr=True)
        self.said = time.monotonic()
        self.batches = trainer.num_training_batches
        self.bar = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=console,
            disable=not (console.is_terminal and trainer.is_global_zero),
        )
        self.epochs = self.bar.add_task(
            "", total=trainer.max_epochs, completed=trainer.current_epoch
        )
        self.bar.start()

    def on_train_batch_end(self, trainer, task, outputs, batch, batch_idx) -> None:
        done = trainer.current_epoch + (batch_idx + 1) / self.batches
        self.bar.update(self.epochs, completed=int(done * 100) / 100)

    def on_train_epoch_end(self, trainer, task) -> None:
        r2 = task.val.r2_mean
        validated = "nothing to validate on" if math.isnan(r2) else f"val R2 {r2:.3f}"
        text = f"loss {task.train_loss:.3f}  {validated}"
        self.bar.update(self.epochs, description=text)
        quiet = time.monotonic() - self.said < SECONDS_BETWEEN_LINES
        if trainer.is_global_zero and self.bar.disable and not quiet:
            self.said = time.monotonic()
            where = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
            self.bar.console.print(f"{where}  {text}")

    def teardown(self, trainer, task, stage) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
