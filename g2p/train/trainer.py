"""Fit one model on prepared data with Lightning, from its last epoch if it has been here before."""

import logging
import signal
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import lightning as L
import numpy as np
import torch
from lightning.pytorch.plugins.environments import LightningEnvironment
from torch import nn
from torch.multiprocessing import ProcessRaisedException

from g2p.data.batches import Batches
from g2p.data.prepare import Prepared, only_part
from g2p.errors import UserError
from g2p.options import Above, AtLeast, AtMost
from g2p.train.checkpoints import load_checkpoint, resumable
from g2p.train.device import check_devices, chosen_devices, resolve_accelerator
from g2p.train.memory import AtomicCheckpoints, Memory
from g2p.train.progress import ProgressBar
from g2p.train.task import Task

# Validation needs no gradients and takes more strains at once; the batch's size changes no score.
VALIDATION_BATCH = 512

logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # its tips and device notes
# Lightning's use of torch, nothing a user can mend.
warnings.filterwarnings("ignore", message=r".*isinstance\(treespec, LeafSpec\).*")
# Slurm on this machine, and not used: nothing to warn of.
warnings.filterwarnings("ignore", message="The `srun` command is available")


def fit(
    task: Task,
    data: Prepared,
    folder: Path,
    on_epoch: Callable[[list[dict]], None],
    *,
    accelerator: Literal["auto", "cpu", "cuda"],
    devices: Annotated[int, AtLeast(1)],
    precision: Literal["32-true", "bf16-mixed", "64-true"],
    max_epochs: Annotated[int, AtLeast(1)],
    batch_size: Annotated[int, AtLeast(1), AtMost(2**31 - 1)],
    patience: Annotated[int | None, AtLeast(1)],
    gradient_clip_val: Annotated[float | None, Above(0)],
    monitor: Literal["r2", "loss"],
    drop_last: bool,
) -> list[dict]:
    """Train until `max_epochs` or patience runs out; leave best.ckpt and last.ckpt in `folder`.

    Args:
        task: the model and how it learns.
        data: what it learns from.
        folder: a last.ckpt found here is gone on from.
        on_epoch: called after each epoch with the history so far.
        accelerator: `auto` takes CUDA where there is any.
        devices: processes that share each batch (Lightning's DDP when more than one).
        precision: Lightning's word for it.
        max_epochs: at most this many, resumed ones counted.
        batch_size: strains a step, over all devices.
        patience: epochs without a new best before stopping; None never stops early.
        gradient_clip_val: largest gradient norm; None does not clip.
        monitor: chooses the best epoch (see `Task`).
        drop_last: leave an incomplete last batch out.

    Returns:
        The history: one row an epoch, from the first.

    Raises:
        UserError: CUDA asked for and absent, too few strains for one batch, a loss that is not
            finite, a checkpoint that cannot be read.
    """
    accelerator = resolve_accelerator(accelerator)
    check_devices(accelerator, devices)
    if drop_last and len(data.split["train"]) < batch_size:
        raise UserError(
            f"trainer.drop_last=true leaves no batch: {len(data.split['train'])} training strains, "
            f"trainer.batch_size={batch_size}."
        )
    last = resumable(folder)
    memory = Memory(
        folder=folder, phenotypes=data.phenotype_names, patience=patience, on_epoch=on_epoch
    )
    trainer = L.Trainer(
        accelerator=accelerator,
        devices=chosen_devices(accelerator, devices),
        # Spawned, not relaunched from the command line: a multirun has only one of those.
        strategy="ddp_spawn" if devices > 1 else "auto",
        precision=precision,
        max_epochs=max_epochs,
        gradient_clip_val=gradient_clip_val,
        callbacks=[ProgressBar(), memory, *([] if devices > 1 else [KeepSignals()])],
        # Even within Slurm, where Lightning would handle signals and count tasks by itself.
        plugins=[AtomicCheckpoints(), LightningEnvironment()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )
    resident = ResidentData(
        data, batch_size=batch_size, drop_last=drop_last, seed=task.seed,
        double=precision == "64-true",
        n_environments=getattr(task.model, "n_environments", None),
    )  # fmt: skip
    try:
        trainer.fit(task, datamodule=resident, ckpt_path=last)
    except BaseException as error:
        if devices > 1:
            _end_workers(trainer)
            _raise_as_here(error)
        raise
    return load_checkpoint(folder / "last.ckpt")["callbacks"]["Memory"]["rows"]


def _end_workers(trainer: L.Trainer) -> None:
    """No spawned process outlives the call: the run's lock would not cover it."""
    trainer.strategy.launcher.kill(signal.SIGKILL)
    for process in trainer.strategy.launcher.procs:
        process.join()


def _raise_as_here(error: BaseException) -> None:
    """A worker's error reaches us as the text of its traceback; the last line says what it was."""
    if isinstance(error, ProcessRaisedException):
        kind, _, text = str(error).strip().splitlines()[-1].partition(": ")
        if kind == "g2p.errors.UserError" or kind in ("OSError", "PermissionError"):
            raise UserError(text) from None


class KeepSignals(L.Callback):
    """What SIGTERM does is left to whoever started the process; Lightning would end the fit."""

    def __init__(self):
        self.handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.handler)


class ResidentData(L.LightningDataModule):
    """The panel's tensors on the device of each process, and the batches from them."""

    def __init__(
        self, data: Prepared, *, batch_size: int, drop_last: bool, seed: int, double: bool,
        n_environments: int | None,
    ):  # fmt: skip
        super().__init__()
        self.batch_size, self.drop_last, self.seed = batch_size, drop_last, seed
        self.n_environments = n_environments
        self.genotypes = torch.tensor(data.genotypes)  # a copy: the store is mapped read-only
        number = torch.float64 if double else torch.float32
        self.phenotypes = {
            part: torch.from_numpy(only_part(data.phenotypes, data.split, part)).to(number)
            for part in ("train", "val")
        }
        self.rows = {part: torch.from_numpy(np.asarray(rows)) for part, rows in data.split.items()}

    def setup(self, stage: str) -> None:
        device = self.trainer.strategy.root_device
        self.genotypes = self.genotypes.to(device)
        self.phenotypes = {part: values.to(device) for part, values in self.phenotypes.items()}
        self.rows = {part: rows.to(device) for part, rows in self.rows.items()}

    def transfer_batch_to_device(self, batch, device, dataloader_idx):
        return batch  # it is there already

    def train_dataloader(self) -> Batches:
        return Batches(
            self.genotypes, self.phenotypes["train"], self.rows["train"],
            batch_size=self.batch_size,
            seed=self.seed, drop_last=self.drop_last,
            rank=self.trainer.global_rank, world=self.trainer.world_size,
            n_environments=self.n_environments,
        )  # fmt: skip

    def val_dataloader(self) -> Batches:
        # Every process scores all of it, so they agree on when to stop without talking.
        return Batches(
            self.genotypes, self.phenotypes["val"], self.rows["val"], batch_size=VALIDATION_BATCH
        )


@torch.no_grad()
def predict(model: nn.Module, genotypes: np.ndarray) -> np.ndarray:
    """Standardised predictions (N, P), float64, for genotypes (N, L)."""
    was_training = model.training
    model.eval()
    blocks = np.array_split(genotypes, range(VALIDATION_BATCH, len(genotypes), VALIDATION_BATCH))
    predicted = [on_device(lambda m, x: m(x), model, block).double().cpu() for block in blocks]
    model.train(was_training)
    return torch.cat(predicted).numpy()


def on_device(function: Callable, model: nn.Module, genotypes: np.ndarray):
    """`function(model, genotypes)` with the genotypes (N, L) as the model's own kind of tensor."""
    weight = next(model.parameters())
    return function(model, torch.tensor(genotypes).to(weight.device, weight.dtype))
