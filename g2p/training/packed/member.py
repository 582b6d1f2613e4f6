"""One run among several that are trained at once: its training state, optimizer and batches."""

from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from g2p.core.errors import DamagedRunError
from g2p.data.batches import Batches
from g2p.training.checkpoints import REMEDY, find_last_checkpoint, load_checkpoint, save_checkpoint
from g2p.training.metrics import Scores
from g2p.training.packed.flat_parameters import flatten_parameters
from g2p.training.packed.vmap_rules import MemberGenerator
from g2p.training.schedules import Schedule, step_schedule
from g2p.training.training_state import TrainingState, epoch_seed

LIGHTNING_VERSION = version("lightning")


class PackedRun:
    """The training of one run of several trained at once; the models' arithmetic is shared.

    It does for a packed run what `RegressionModule` and `CheckpointCallback` do for a run that
    trains alone, and writes the same checkpoints, so either resumes from the other's. It knows
    nothing of the run beyond its training: the run's config and signature are `ResolvedRun`'s, its
    files `RunDirectory`'s, and `PackedRuns` holds whole runs, of each of which this is the fit.

    Args:
        model: on its device, of its precision.
        optimizer: from parameters to an optimizer.
        schedule, seed, inputs, val_scores: see `RegressionModule`.
        train, val: its batches.
        training_state: new; training resumes from a last.ckpt in `folder`.
        attention: measures the model's attention layers.
        clip: largest gradient norm; None does not clip.
        folder: for best.ckpt and last.ckpt.
        on_epoch: called after each epoch with the history so far.
    """

    def __init__(
        self, *, model: nn.Module, optimizer: Callable[[Iterable], torch.optim.Optimizer],
        schedule: Schedule, seed: int, inputs: dict,
        val_scores: Callable[[np.ndarray, np.ndarray], Scores],
        train: Batches, val: Batches, training_state: TrainingState,
        attention: Callable[[], list[dict]], clip: float | None, folder: Path,
        on_epoch: Callable[[list[dict]], None],
    ):  # fmt: skip
        self.model, self.seed, self.inputs, self.val_scores = model, seed, inputs, val_scores
        self.train, self.val, self.training_state, self.clip = train, val, training_state, clip
        self.attention, self.folder, self.on_epoch = attention, folder, on_epoch
        self.generator = MemberGenerator(next(model.parameters()).device)
        last = find_last_checkpoint(folder)
        checkpoint = None if last is None else load_checkpoint(last)
        if checkpoint:
            weights = checkpoint["state_dict"]
            model.load_state_dict({n.removeprefix("model."): w for n, w in weights.items()})
            training_state.restore(checkpoint["callbacks"]["Memory"])
        self.flat_parameters = flatten_parameters(model)
        self.optimizer = optimizer([self.flat_parameters])
        self.scheduler = schedule(self.optimizer, training_state.max_epochs)
        if checkpoint:
            self.optimizer.load_state_dict(self._join_state(checkpoint["optimizer_states"][0]))
            if self.scheduler is not None:
                self.scheduler.load_state_dict(checkpoint["plateau"])
        self.losses: list[Tensor] = []
        self.joules = None if checkpoint else 0.0  # those of an earlier process are lost

    def begin_epoch(self) -> None:
        self.train.epoch = self.training_state.epochs
        self.generator.seed(epoch_seed(self.seed, self.training_state.epochs))

    def step(self, loss: Tensor) -> None:
        """Step the optimizer along the current gradient."""
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_([self.flat_parameters], self.clip)
        self.optimizer.step()
        self.losses.append(loss)

    def add_energy(self, joules: float | None, members: int) -> None:
        """Add this member's share of the device's energy in an epoch of several members."""
        if joules is None or self.joules is None:
            self.joules = None
        else:
            self.joules += joules / members

    def end_epoch(self, predicted: Tensor, observed: Tensor, seconds: float) -> None:
        """Score (n, P) predictions of the validation strains, and write the checkpoints.

        Both are on the CPU, in float64.

        Raises:
            TrainingError: when the loss is no longer finite.
            OSError: when a checkpoint cannot be written.
        """
        train_loss = torch.stack(self.losses).double().mean().item()
        self.losses.clear()
        val = self.val_scores(predicted.numpy(), observed.numpy())
        self.training_state.check(train_loss, val.loss, bool(predicted.isfinite().all()))
        if self.scheduler is not None:
            step_schedule(self.scheduler, self.training_state.score(val))
        improved = self.training_state.close(
            train_loss, val, self.optimizer.param_groups[0]["lr"], seconds, self.attention
        )
        names = ("best.ckpt", "last.ckpt") if improved else ("last.ckpt",)
        save_checkpoint(self._checkpoint(), *(self.folder / name for name in names))
        self.on_epoch(self.training_state.rows)

    def release_memory(self) -> None:
        """Release the memory shared with other members, and the optimizer's."""
        for parameter in self.model.parameters():
            parameter.data, parameter.grad = parameter.data.clone(), None
        del self.flat_parameters, self.optimizer

    def _checkpoint(self) -> dict:
        """Return the checkpoint as Lightning would write it, without the state of its loops."""
        state = {f"model.{name}": value.clone() for name, value in self.model.state_dict().items()}
        checkpoint = {
            "epoch": self.training_state.epochs - 1,
            "global_step": self.training_state.epochs * len(self.train),
            "pytorch-lightning_version": LIGHTNING_VERSION,
            "state_dict": state,
            "optimizer_states": [self._split_state(self.optimizer.state_dict())],
            "lr_schedulers": [],
            "callbacks": {"Memory": self.training_state.state()},
            "inputs": self.inputs,
        }
        if self.scheduler is not None:
            checkpoint["plateau"] = self.scheduler.state_dict()
        return checkpoint

    def _split_state(self, state: dict) -> dict:
        """Split the state of an optimizer of the flat parameters into one state a parameter."""
        sizes = [p.numel() for p in self.model.parameters()]

        def split(value: Tensor) -> list[Tensor]:
            if value.dim() == 0:  # the number of steps
                return [value.clone() for _ in sizes]
            pieces = zip(value.split(sizes), self.model.parameters(), strict=True)
            return [piece.view(parameter.shape).clone() for piece, parameter in pieces]

        pieces = {key: split(value) for key, value in state["state"][0].items()}
        return {
            "state": {i: {key: pieces[key][i] for key in pieces} for i in range(len(sizes))},
            "param_groups": [{**state["param_groups"][0], "params": list(range(len(sizes)))}],
        }

    def _join_state(self, state: dict) -> dict:
        """Join an optimizer's states of each parameter into one of the flat parameters.

        Raises:
            DamagedRunError: when the state does not belong to this model's parameters.
        """
        states = [state["state"][i] for i in sorted(state["state"])]
        if len(states) != len(list(self.model.parameters())):
            raise DamagedRunError(f"{self.folder / 'last.ckpt'} does not fit the model. {REMEDY}")
        flat = {
            key: value if value.dim() == 0 else torch.cat([each[key].flatten() for each in states])
            for key, value in states[0].items()
        }
        return {"state": {0: flat}, "param_groups": [{**state["param_groups"][0], "params": [0]}]}
