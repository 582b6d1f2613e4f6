"""The progress of a run that Lightning trains."""

from contextlib import ExitStack

import lightning as L

from g2p.training.progress import OpenBar, SilentProgress


class ShowProgress(L.Callback):
    """One bar for the whole run, advancing by batches."""

    bar: SilentProgress  # since the training's start

    def __init__(self, bar: OpenBar):
        self.bar_type, self.open_bar = bar, ExitStack()

    def on_train_start(self, trainer, module) -> None:
        silent = not trainer.is_global_zero
        bar = self.bar_type(trainer.max_epochs, trainer.current_epoch, silent)
        self.bar = self.open_bar.enter_context(bar)

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        self.bar.advance(trainer.current_epoch + (batch_idx + 1) / trainer.num_training_batches)

    def on_train_epoch_end(self, trainer, module) -> None:
        self.bar.end_epoch(trainer.current_epoch + 1, module.train_loss, module.val.r2_mean)

    def teardown(self, trainer, module, stage) -> None:
        self.open_bar.close()

    def on_exception(self, trainer, module, exception) -> None:
        self.open_bar.close()  # Lightning then calls no teardown, and the bar would not end
