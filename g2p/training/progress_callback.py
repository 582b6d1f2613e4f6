"""The progress of a run that Lightning trains."""

import lightning as L

from g2p.training.progress import SilentProgress


class ShowProgress(L.Callback):
    """One bar for the whole run, advancing by batches."""

    def __init__(self, bar: type[SilentProgress]):
        self.bar_type = bar
        self.bar: SilentProgress | None = None

    def on_train_start(self, trainer, module) -> None:
        self.batches = trainer.num_training_batches
        silent = not trainer.is_global_zero
        self.bar = self.bar_type(trainer.max_epochs, trainer.current_epoch, silent).__enter__()

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        if self.bar is not None:
            self.bar.advance(trainer.current_epoch + (batch_idx + 1) / self.batches)

    def on_train_epoch_end(self, trainer, module) -> None:
        if self.bar is not None:
            self.bar.end_epoch(trainer.current_epoch + 1, module.train_loss, module.val.r2_mean)

    def teardown(self, trainer, module, stage) -> None:
        self._close()

    def on_exception(self, trainer, module, exception) -> None:
        self._close()  # Lightning then calls no teardown, and the bar would be drawn for ever

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.__exit__()
            self.bar = None
