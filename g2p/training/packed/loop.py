"""Several runs trained as one stacked model; each ends as if it were trained alone."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import zip_longest
from statistics import fmean

import torch
from torch import Tensor

from g2p.core.interrupts import raise_if_interrupted
from g2p.core.phrases import plural
from g2p.hardware.energy import energy_meter
from g2p.training.packed.member import PackedRun
from g2p.training.packed.stacked import StackedModels
from g2p.training.progress import OpenBar, SilentProgress


def train_packed(
    members: list[PackedRun],
    context: AbstractContextManager,
    bar: OpenBar = SilentProgress,
) -> Iterator[tuple[PackedRun, Exception | None]]:
    """Train each member until it ends; yield a member as it ends, with its error or None.

    A member that has ended costs nothing from then on; a failing one (its loss is not finite, its
    folder cannot be written) does not affect the others. A device out of memory ends all.

    Args:
        members: whose models differ in nothing but values, and whose loci, phenotypes and batch
            size are as many; on one device.
        context: of the forward pass: its precision.
        bar: shows the progress.
    """
    training = []
    for member in members:  # a run killed after its last epoch must not train another one
        if member.training_state.ended:
            yield member, None
        else:
            training.append(member)
    done = max((member.training_state.epochs for member in training), default=0)
    with bar(max(member.training_state.max_epochs for member in members), done) as progress:
        models = None
        while training:
            states = ((m.model, m.flat_parameters, m.generator) for m in training)
            try:
                models = models or StackedModels(*zip(*states, strict=True))
                ended = _run_epoch(training, models, context)
            except torch.OutOfMemoryError as error:
                # Without its traceback, which holds what took the memory.
                ended = dict.fromkeys(training, error.with_traceback(None))
            rows = [member.training_state.rows[-1] for member in training if ended[member] is None]
            if rows:
                loss, r2 = (
                    fmean(row[key] for row in rows) for key in ("train_loss", "val_r2_mean")
                )
                epoch = max(member.training_state.epochs for member in training)
                progress.advance(epoch)
                progress.end_epoch(epoch, loss, r2, f"  (mean of {plural(len(rows), 'run')})")
            remaining = [m for m in training if ended[m] is None and not m.training_state.ended]
            if len(remaining) < len(training):
                models = None
            for member in training:
                if member not in remaining:
                    member.release_memory()
                    yield member, ended[member]
            training = remaining


def _run_epoch(
    members: list[PackedRun],
    models: StackedModels,
    context: AbstractContextManager,
) -> dict[PackedRun, Exception | None]:
    """Train, score and save one epoch of each member; return each member's error or None."""
    started = time.monotonic()
    with energy_meter("cuda" if members[0].flat_parameters.is_cuda else "cpu", 1) as meter:
        _train_epoch(members, models, context)
        predicted = _predict_validation(members, models, context)
    seconds = (time.monotonic() - started) / len(members)  # a member's share
    errors: dict[PackedRun, Exception | None] = dict.fromkeys(members)
    for member, (values, observed) in zip(members, predicted, strict=True):
        member.add_energy(meter.joules, len(members))
        try:
            member.end_epoch(values, observed, seconds)
        except Exception as error:  # of any kind: it does not affect the other members
            errors[member] = error
    return errors


def _train_epoch(
    members: list[PackedRun],
    models: StackedModels,
    context: AbstractContextManager,
) -> None:
    for member in members:
        member.begin_epoch()
    for batches in zip_longest(*(member.train for member in members)):
        raise_if_interrupted()
        losses = models.learn(batches, context)
        for member, batch, loss in zip(members, batches, losses, strict=True):
            if batch is not None and loss is not None:
                member.step(loss)


@torch.no_grad()
def _predict_validation(
    members: list[PackedRun],
    models: StackedModels,
    context: AbstractContextManager,
) -> list[tuple[Tensor, Tensor]]:
    """Return predicted and observed values of each member's validation strains, (n, P) on the CPU.

    This waits for the device, so the epoch's time includes its work.
    """
    predicted, observed = [[] for _ in members], [[] for _ in members]
    for batches in zip_longest(*(member.val for member in members)):
        for k, (batch, values) in enumerate(
            zip(batches, models.predict(batches, context), strict=True)
        ):
            if batch is not None:
                predicted[k].append(values)
                observed[k].append(batch.phenotype_BP)
    return [
        (torch.cat(values).double().cpu(), torch.cat(targets).double().cpu())
        for values, targets in zip(predicted, observed, strict=True)
    ]
