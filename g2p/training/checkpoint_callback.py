"""The files that a training writes after each epoch: history, best.ckpt and last.ckpt."""

import time
from collections.abc import Callable
from pathlib import Path

import lightning as L
from lightning.pytorch.plugins.io import TorchCheckpointIO

from g2p.training.checkpoints import load_checkpoint, save_checkpoint
from g2p.training.training_state import TrainingState


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes and reads Lightning's checkpoints by `save_checkpoint` and `load_checkpoint`."""

    def save_checkpoint(self, checkpoint, path, storage_options=None) -> None:
        save_checkpoint(checkpoint, Path(path))

    def load_checkpoint(self, path, map_location=None, weights_only=None) -> dict:
        # Always to the CPU: the GPU that wrote it may be in use, or absent.
        return load_checkpoint(Path(path))


class CheckpointCallback(L.Callback):
    """After each epoch: a row of history, best.ckpt if the score is a new best, last.ckpt.

    The history lives in last.ckpt, so the two never disagree; best.ckpt is written before
    last.ckpt, so a kill between them costs one epoch that comes out the same again.

    Args:
        folder: for best.ckpt and last.ckpt.
        training_state: of the run; part of every checkpoint.
        attention: measures the model's attention layers.
        on_epoch: called with all rows so far, after last.ckpt is written.
    """

    def __init__(
        self, *, folder: Path, training_state: TrainingState, attention: Callable[[], list[dict]],
        on_epoch: Callable[[list[dict]], None],
    ):  # fmt: skip
        self.folder, self.training_state, self.on_epoch = folder, training_state, on_epoch
        self.attention = attention

    @property
    def state_key(self) -> str:
        """The name of this state in a checkpoint; earlier versions wrote the same."""
        return "Memory"

    def state_dict(self) -> dict:
        return self.training_state.state()

    def load_state_dict(self, state: dict) -> None:
        self.training_state.restore(state)

    def on_fit_start(self, trainer, module) -> None:
        # A run killed after its last epoch must not train another one. Lightning forgets this flag.
        trainer.should_stop = self.training_state.ended

    def on_train_epoch_start(self, trainer, module) -> None:
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer, module) -> None:
        lr = module.optimizers().param_groups[0]["lr"]
        seconds = time.monotonic() - self._started
        # The first process decides: others could differ in a last digit, and so in when to stop.
        attention = lambda: trainer.strategy.broadcast(self.attention())  # noqa: E731
        if self.training_state.close(module.train_loss, module.val, lr, seconds, attention):
            trainer.save_checkpoint(self.folder / "best.ckpt")
        # A callback of a user's own may have stopped it; resumed, it must not go on.
        self.training_state.stopped = trainer.should_stop
        trainer.save_checkpoint(self.folder / "last.ckpt")
        trainer.should_stop = trainer.should_stop or self.training_state.exhausted
        if trainer.is_global_zero:
            self.on_epoch(self.training_state.rows)
