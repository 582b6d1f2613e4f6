"""Train one model on prepared data with Lightning, resuming from its last epoch."""

import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import lightning as L
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.strategies.launchers import _MultiProcessingLauncher
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from g2p.config.constraints import (
    Above,
    AtLeast,
    AtMost,
    NeutralAt,
    NullOnlyWith,
    OnlyAt,
    OnlyIf,
    UserCode,
)
from g2p.config.load_component import load_component
from g2p.core import errors
from g2p.core.errors import CodeError, TrainingError
from g2p.core.model_errors import format_model_error_text
from g2p.data.batches import Batches
from g2p.data.device_data import DeviceData
from g2p.data.preprocess import Prepared
from g2p.hardware.device import check_devices, resolve_accelerator
from g2p.hardware.gpu_allocation import select_devices
from g2p.training.budget import count_epochs
from g2p.training.checkpoint_callback import AtomicCheckpoints, CheckpointCallback
from g2p.training.checkpoints import find_last_checkpoint, load_checkpoint
from g2p.training.inference import attention_sample, measure_attention, validation_batch
from g2p.training.lightning_module import RegressionModule
from g2p.training.loss import load_loss
from g2p.training.progress import OpenBar, SilentProgress
from g2p.training.progress_callback import ShowProgress
from g2p.training.quiet import QuietWorker, quiet_lightning
from g2p.training.training_state import TrainingState


@quiet_lightning()
def train(
    module: RegressionModule,
    data: Prepared,
    folder: Path,
    on_epoch: Callable[[list[dict]], None],
    bar: OpenBar = SilentProgress,
    ridge_r2: float | None = None,
    *,
    accelerator: Literal["auto", "cpu", "cuda"],
    devices: Annotated[int, AtLeast(1)],
    precision: Literal["32-true", "bf16-mixed", "64-true"],
    max_epochs: Annotated[int | None, AtLeast(1), NullOnlyWith("max_updates")],
    max_updates: Annotated[int | None, AtLeast(1), NeutralAt(None)],
    batch_size: Annotated[int, AtLeast(1), AtMost(2**31 - 1)],
    patience: Annotated[int | None, AtLeast(1)],
    ridge_margin: Annotated[float | None, AtLeast(0), OnlyIf("patience"), NeutralAt(None)],
    gradient_clip_val: Annotated[float | None, Above(0)],
    monitor: Literal["r2", "loss"],
    drop_last: bool,
    loss: Annotated[str | None, UserCode("loss")],
    huber_delta: Annotated[float, Above(0), OnlyAt("loss", "huber"), NeutralAt(1.0)],
    callbacks: Annotated[list, UserCode("callback")],
) -> list[dict]:
    """Train until a budget or patience runs out; leave best.ckpt and last.ckpt in `folder`.

    Args:
        module: the model and how it learns.
        data: what it learns from.
        folder: for the checkpoints; training resumes from a last.ckpt in it.
        on_epoch: called after each epoch with the history so far.
        bar: shows the progress.
        ridge_r2: ridge's mean validation R2 on the same data; None where it was not computed.
        accelerator: `auto` takes CUDA where there is any.
        devices: processes that share each batch (Lightning's DDP when more than one).
        precision: of the forward pass or of everything, as Lightning names it.
        max_epochs: at most this many, resumed ones counted; None: `max_updates` alone ends it.
        max_updates: of the optimizer; the epoch in which they are reached is the last. None:
            `max_epochs` alone ends it.
        batch_size: strains a step, over all devices.
        patience: epochs without a new best before stopping; None never stops early.
        ridge_margin: epochs in which validation R2 is not this much above ridge's, and attention
            is uniform, do not count for patience (see `g2p.training.additive_plateau`); None: all
            count.
        gradient_clip_val: largest gradient norm; None does not clip.
        monitor: chooses the best epoch (see `TrainingState`).
        drop_last: leave an incomplete last batch out.
        loss: `huber`, `gaussian` or a function of a user's own (see `g2p.training.loss`); None:
            squared error.
        huber_delta: of Huber's loss, in standardised units.
        callbacks: classes of Lightning callbacks of a user's own.

    Returns:
        The history: one row an epoch, from the first.

    Raises:
        CodeError: for a callback that is none.
        OptionError: when CUDA is requested and absent, or a batch larger than the training strains.
        TrainingError: when the loss is no longer finite.
        DamagedRunError: when a checkpoint cannot be read.
    """
    accelerator = resolve_accelerator(accelerator)
    check_devices(accelerator, devices)
    last = find_last_checkpoint(folder)
    device_data = DeviceData(data, double=precision == "64-true")
    batches = {
        "batch_size": batch_size,
        "drop_last": drop_last,
        "seed": module.seed,
        "n_environments": getattr(module.model, "n_environments", None),
    }
    updates_an_epoch = len(device_data.train(**batches))
    module.training_state = TrainingState(
        data.phenotype_names,
        monitor=monitor,
        patience=patience,
        max_epochs=count_epochs(max_epochs, max_updates, updates_an_epoch),
        updates_an_epoch=updates_an_epoch,
        ridge_r2=ridge_r2,
        ridge_margin=ridge_margin,
    )
    module.loss = load_loss(
        loss, n_phenotypes=len(data.phenotype_names), huber_delta=huber_delta,
        weighted=data.weights is not None,
    )  # fmt: skip
    trainer = L.Trainer(
        accelerator=accelerator,
        devices=select_devices(accelerator, devices),
        # Spawned, not relaunched from the command line: a multirun has only one of those.
        strategy="ddp_spawn" if devices > 1 else "auto",
        precision=precision,
        max_epochs=module.training_state.max_epochs,
        gradient_clip_val=gradient_clip_val,
        callbacks=[
            ShowProgress(bar),
            *map(_build_callback, callbacks),  # before the checkpoint, which holds what they change
            CheckpointCallback(
                folder=folder,
                training_state=module.training_state,
                attention=partial(measure_attention, module.model, attention_sample(data)),
                on_epoch=on_epoch,
            ),
            QuietWorker() if devices > 1 else KeepSignalHandler(),
        ],
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
    if precision == "64-true":
        module.double()  # Lightning does it only after it has read a checkpoint into what is there
    try:
        datamodule = DeviceDataModule(device_data, **batches)
        trainer.fit(module, datamodule=datamodule, ckpt_path=last)
    except BaseException as error:
        if devices > 1:
            _end_workers(trainer)
            _raise_worker_error(error)
        raise
    return load_checkpoint(folder / "last.ckpt")["callbacks"]["Memory"]["rows"]


def _build_callback(name: str) -> L.Callback:
    callback = load_component(name)()
    if not isinstance(callback, L.Callback):
        raise CodeError(f"{name} is not a lightning.Callback: write it as a subclass.")
    return callback


def _end_workers(trainer: L.Trainer) -> None:
    """End all spawned processes: the run's lock would not cover one that outlives the call."""
    launcher = trainer.strategy.launcher
    if isinstance(launcher, _MultiProcessingLauncher):
        launcher.kill(signal.SIGKILL)
        for process in launcher.procs:
            process.join()


def _raise_worker_error(error: BaseException) -> None:
    """Raise a worker's error, which arrives as a traceback's text; the last line names it."""
    if isinstance(error, ProcessRaisedException):
        kind, _, text = str(error).strip().splitlines()[-1].partition(": ")
        module, _, name = kind.rpartition(".")
        if module == errors.__name__ or kind in ("OSError", "PermissionError"):
            raise getattr(errors, name, TrainingError)(text) from None
        if report := format_model_error_text(str(error)):
            raise CodeError(report) from None
    if isinstance(error, ProcessExitedException):  # killed, or its message is printed already
        raise TrainingError(f"a process of the training ended by itself: {error}.") from None


class KeepSignalHandler(L.Callback):
    """Restores the process's SIGTERM handler, which Lightning replaces by one that ends the fit."""

    def __init__(self):
        self.handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.handler)


class DeviceDataModule(L.LightningDataModule):
    """Moves the panel's tensors to each process's device; returns its share of the batches.

    Args:
        resident: the tensors.
        options: of `DeviceData.train`.
    """

    trainer: L.Trainer  # Lightning sets it before it calls what is below

    def __init__(self, resident: DeviceData, **options):
        super().__init__()
        self.resident, self.options = resident, options

    def setup(self, stage: str) -> None:
        self.resident.to(self.trainer.strategy.root_device)

    def transfer_batch_to_device(self, batch, device, dataloader_idx):
        return batch  # it is on the device already

    def train_dataloader(self) -> Batches:
        rank, world = self.trainer.global_rank, self.trainer.world_size
        return self.resident.train(**self.options, rank=rank, world=world)

    def val_dataloader(self) -> Batches:
        # Every process scores all of it, so they agree on when to stop without communicating.
        at_once = validation_batch(self.resident.genotypes.shape[1])
        return self.resident.val(max(self.options["batch_size"], at_once))
