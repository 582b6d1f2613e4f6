"""What a run remembers between epochs, on disk: history, the best checkpoint and the last one."""

import time
from collections.abc import Callable
from pathlib import Path

import lightning as L
from lightning.pytorch.plugins.io import TorchCheckpointIO

from g2p.train.checkpoints import load_checkpoint, save_checkpoint
from g2p.train.history import history_row


class AtomicCheckpoints(TorchCheckpointIO):
    """Lightning's checkpoints, by our own way of writing and reading them."""

    def save_checkpoint(self, checkpoint, path, storage_options=None) -> None:
        save_checkpoint(checkpoint, Path(path))

    def load_checkpoint(self, path, map_location=None, weights_only=None) -> dict:
        return load_checkpoint(Path(path), map_location)


class Memory(L.Callback):
    """After each epoch: a row of history, best.ckpt if the score is a new best, last.ckpt.

    The history lives in last.ckpt, so the two never disagree; best.ckpt is written before
    last.ckpt, so a kill between them costs one epoch that comes out the same again.

    Args:
        folder: for best.ckpt and last.ckpt.
        phenotypes: names, for the columns of the history.
        patience: stop after this many epochs in a row without a new best; None never stops early.
        on_epoch: called with all rows so far, after last.ckpt is written.
    """

    def __init__(
        self, *, folder: Path, phenotypes: list[str], patience: int | None,
        on_epoch: Callable[[list[dict]], None],
    ):  # fmt: skip
        self.folder, self.phenotypes, self.patience, self.on_epoch = (
            folder,
            phenotypes,
            patience,
            on_epoch,
        )
        self.rows: list[dict] = []
        self.best = -float("inf")
        self.best_epoch = -1

    def state_dict(self) -> dict:
        return {"rows": self.rows, "best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: dict) -> None:
        self.rows, self.best, self.best_epoch = state["rows"], state["best"], state["best_epoch"]

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and len(self.rows) - 1 - self.best_epoch >= self.patience

    def on_fit_start(self, trainer, task) -> None:
        # A run killed after its last epoch must not train another one. Lightning forgets this flag.
        trainer.should_stop = bool(self.rows) and self.exhausted

    def on_train_epoch_start(self, trainer, task) -> None:
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer, task) -> None:
        lr = task.optimizers().param_groups[0]["lr"]
        seconds = time.monotonic() - self._started
        self.rows.append(
            history_row(
                trainer.current_epoch, self.phenotypes, task.train_loss, task.val, lr, seconds
            )
        )
        improved = task.score > self.best
        if improved:
            self.best, self.best_epoch = task.score, trainer.current_epoch
            trainer.save_checkpoint(self.folder / "best.ckpt")
        trainer.save_checkpoint(self.folder / "last.ckpt")
        trainer.should_stop = self.exhausted
        if trainer.is_global_zero:
            self.on_epoch(self.rows)
