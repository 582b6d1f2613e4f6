"""The one LightningModule: any model, masked loss, scores at the end of each epoch."""

from collections.abc import Callable, Iterable
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn

from g2p.core.interrupts import raise_if_interrupted
from g2p.training.loss import Loss, masked_mse
from g2p.training.metrics import Scores, scores
from g2p.training.schedules import Schedule, step_schedule
from g2p.training.training_state import TrainingState, epoch_seed


class RegressionModule(L.LightningModule):
    """Trains `model` and scores it on the validation strains after every epoch.

    What is random in an epoch (the batches' order, dropout) is a function of (seed, epoch) alone,
    so a resumed run needs no generator's state to end with the same numbers.

    Args:
        model: (B, L) genotypes to (B, P) standardised phenotypes; in training, what the batch's
            `inputs` are to its phenotypes.
        optimizer: from parameters to an optimizer.
        schedule: from the optimizer and the epochs at most to its scheduler, or None.
        seed: of the run.
        inputs: what is needed beside the weights to predict (loci, phenotypes, scaling), part of
            every checkpoint.
        val_scores: scores validation strains, from (n, P) predicted and observed.
    """

    training_state: TrainingState  # set by the trainer, before it fits

    def __init__(
        self, *, model: nn.Module, optimizer: Callable[[Iterable], torch.optim.Optimizer],
        schedule: Schedule, seed: int, inputs: dict,
        val_scores: Callable[[np.ndarray, np.ndarray], Scores] = scores,
    ):  # fmt: skip
        super().__init__()
        self.model = model
        self.build_optimizer = optimizer
        self.build_schedule = schedule
        self.scheduler = None
        self._scheduler_state: dict | None = None  # of a checkpoint
        self.seed, self.inputs, self.val_scores = seed, inputs, val_scores
        self.loss: Loss = masked_mse  # the trainer sets another
        self.train_loss = float("nan")
        self.val: Scores | None = None
        self._losses: list[Tensor] = []
        self._predicted: list[Tensor] = []
        self._observed: list[Tensor] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optimizer = self.build_optimizer(self.parameters())  # a loss may have some, too
        # Stepped here, not by Lightning, which does it after the epoch's checkpoint is written.
        self.scheduler = self.build_schedule(optimizer, self.training_state.max_epochs)
        return optimizer

    def on_train_epoch_start(self) -> None:
        torch.manual_seed(epoch_seed(self.seed, self.current_epoch, self.global_rank))
        batches: Any = self.trainer.train_dataloader
        batches.epoch = self.current_epoch

    def configure_gradient_clipping(self, optimizer, gradient_clip_val, **kind) -> None:
        # Lightning's own refuses fused optimizers with autocast.
        if gradient_clip_val is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), gradient_clip_val)

    def training_step(self, batch, batch_idx) -> Tensor:
        raise_if_interrupted()
        predicted = self.model(*batch.inputs)
        # Processes that share a batch average their gradients; the loss is a sum over their shares.
        loss = self.trainer.world_size * self.loss(predicted, *batch.targets)
        self._losses.append(loss.detach())  # stays on the device until the epoch ends
        return loss

    def validation_step(self, batch, batch_idx) -> None:
        self._predicted.append(self.model(batch.genotype_BL))
        self._observed.append(batch.phenotype_BP)

    def on_validation_epoch_end(self) -> None:
        loss = torch.stack(self._losses).double().mean()
        self.train_loss = float(self.trainer.strategy.reduce(loss, reduce_op="mean"))
        predicted, observed = torch.cat(self._predicted), torch.cat(self._observed)
        for collected in (self._losses, self._predicted, self._observed):
            collected.clear()
        val = self.val_scores(predicted.double().cpu().numpy(), observed.double().cpu().numpy())
        finite = bool(predicted.isfinite().all())
        # The first process decides: others could differ in a last digit, and so in when to stop.
        self.val, finite = self.trainer.strategy.broadcast((val, finite))
        self.training_state.check(self.train_loss, self.val.loss, finite)
        if self.scheduler is not None:
            step_schedule(self.scheduler, self.training_state.score(self.val))

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["inputs"] = self.inputs
        if self.scheduler is not None:
            checkpoint["plateau"] = self.scheduler.state_dict()

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        self._scheduler_state = checkpoint.get("plateau")

    def on_fit_start(self) -> None:
        # Set here, too: a checkpoint of packed runs has no state of Lightning's loops.
        progress: Any = self.trainer.fit_loop.epoch_progress.current  # it has more than its type
        progress.processed = progress.completed = self.training_state.epochs
        if self.scheduler is not None and self._scheduler_state:
            self.scheduler.load_state_dict(self._scheduler_state)
