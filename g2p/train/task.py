"""The one LightningModule: any model, masked loss, scores at the end of each epoch."""

from collections.abc import Callable, Iterable

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn

from g2p.errors import UserError
from g2p.train.loss import masked_mse
from g2p.train.metrics import Scores, scores


class Task(L.LightningModule):
    """Trains `model` and scores it on the validation strains after every epoch.

    What is random in an epoch (the batches' order, dropout) is a function of (seed, epoch) alone,
    so a resumed run needs no generator's state to end with the same numbers.

    Args:
        model: (B, L) genotypes to (B, P) standardised phenotypes; in training, what the batch's
            `inputs` are to its phenotypes.
        optimizer: from parameters to an optimizer.
        plateau_patience: epochs without a new best that the learning rate sits out; None: it is
            constant.
        plateau_factor: what it is then multiplied by.
        monitor: "r2" (higher is better) or "loss" (lower is better), of the validation strains.
        seed: of the run.
        inputs: what is needed beside the weights to predict (loci, phenotypes, scaling), kept in
            every checkpoint.
    """

    def __init__(
        self, *, model: nn.Module, optimizer: Callable[[Iterable], torch.optim.Optimizer],
        plateau_patience: int | None, plateau_factor: float, monitor: str, seed: int, inputs: dict,
    ):  # fmt: skip
        super().__init__()
        self.model = model
        self.build_optimizer = optimizer
        self.plateau_patience, self.plateau_factor = plateau_patience, plateau_factor
        self.plateau = None
        self.monitor, self.seed, self.inputs = monitor, seed, inputs
        self.train_loss = float("nan")
        self.val: Scores | None = None
        self._losses: list[Tensor] = []
        self._predicted: list[Tensor] = []
        self._observed: list[Tensor] = []

    @property
    def score(self) -> float:
        """The monitored score of the last epoch; higher is better.

        Where there is nothing to validate on, the last epoch is always the best.
        """
        score = self.val.r2_mean if self.monitor == "r2" else -self.val.loss
        return float(self.current_epoch) if np.isnan(score) else score

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optimizer = self.build_optimizer(self.model.parameters())
        if self.plateau_patience is not None:
            # Stepped here, not by Lightning, which does it after the epoch's checkpoint is written.
            self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, mode="max", patience=self.plateau_patience, factor=self.plateau_factor,
                threshold=0.0, threshold_mode="abs",  # any new best is one
            )  # fmt: skip
        return optimizer

    def on_train_epoch_start(self) -> None:
        state = np.random.SeedSequence(
            [self.seed, self.current_epoch, self.global_rank]
        ).generate_state(2, np.uint32)
        torch.manual_seed(int(state[0]) << 32 | int(state[1]))
        self.trainer.train_dataloader.epoch = self.current_epoch

    def training_step(self, batch, batch_idx) -> Tensor:
        predicted = self.model(*batch.inputs)
        # Processes that share a batch average their gradients; the loss is a sum over their shares.
        loss = self.trainer.world_size * masked_mse(predicted, batch.phenotype_BP, batch.n_observed)
        self._losses.append(loss.detach())  # stays on the device until the epoch ends
        return loss

    def validation_step(self, batch, batch_idx) -> None:
        self._predicted.append(self.model(batch.genotype_BL))
        self._observed.append(batch.phenotype_BP)

    def on_validation_epoch_end(self) -> None:
        loss = torch.stack(self._losses).double().mean()
        self.train_loss = float(self.trainer.strategy.reduce(loss, reduce_op="mean"))
        predicted, observed = torch.cat(self._predicted), torch.cat(self._observed)
        self._losses.clear(), self._predicted.clear(), self._observed.clear()
        self.val = scores(predicted.double().cpu().numpy(), observed.double().cpu().numpy())
        if not (np.isfinite(self.train_loss) and predicted.isfinite().all()):
            raise UserError(
                f"the loss became {self.train_loss:g} (training), {self.val.loss:g} (validation) "
                f"in epoch {self.current_epoch + 1}. Try a smaller optim.lr, or "
                "trainer.gradient_clip_val=1."
            )
        if self.plateau is not None:
            self.plateau.step(self.score)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["inputs"] = self.inputs
        if self.plateau is not None:
            checkpoint["plateau"] = self.plateau.state_dict()

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        self._plateau_state = checkpoint.get("plateau")

    def on_fit_start(self) -> None:
        if self.plateau is not None and getattr(self, "_plateau_state", None):
            self.plateau.load_state_dict(self._plateau_state)
