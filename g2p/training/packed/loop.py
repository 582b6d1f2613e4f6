"""Several runs trained together in one process; each ends as if alone."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import zip_longest
from statistics import fmean

import torch
from torch import Tensor

from g2p.core.errors import plural
from g2p.core.interrupts import raise_if_interrupted
from g2p.hardware.energy import energy_meter
from g2p.training.packed.member import PackedRun
from g2p.training.packed.sequential import SequentialModels
from g2p.training.packed.stacked import StackedModels
from g2p.training.progress import SilentProgress


def train_packed(
    members: list[PackedRun],
    way: type[StackedModels] | type[SequentialModels],
    context: AbstractContextManager,
    bar: type[SilentProgress] = SilentProgress,
) -> Iterator[tuple[PackedRun, Exception | None]]:
    """Train each until its course has ended; yields a member as it ends, with what ended it.

    A member that has ended leaves the others and costs nothing from then on; one that fails (its
    loss is not finite, its folder cannot be written) fails alone. A device out of memory ends all.

    Args:
        members: whose models differ in nothing but values, and whose loci, phenotypes and batch
            size are as many; on one device.
        way: how several models take a step.
        context: of the forward pass: its precision.
        bar: shows the progress.
    """
    going = []
    for member in members:  # a run killed after its last epoch must not train another one
        if member.training_state.ended:
            yield member, None
        else:
            going.append(member)
    done = max((member.training_state.epochs for member in going), default=0)
    with bar(max(member.training_state.max_epochs for member in members), done) as shown:
        models = None
        while going:
            of_each = ((member.model, member.row, member.draws) for member in going)
            try:
                models = models or way(*zip(*of_each, strict=True))
                ended = _epoch(going, models, context)
            except torch.OutOfMemoryError as error:
                # Without its traceback, which holds what took the memory.
                ended = dict.fromkeys(going, error.with_traceback(None))
            rows = [member.training_state.rows[-1] for member in going if ended[member] is None]
            if rows:
                loss, r2 = (
                    fmean(row[key] for row in rows) for key in ("train_loss", "val_r2_mean")
                )
                epoch = max(member.training_state.epochs for member in going)
                shown.advance(epoch)
                shown.end_epoch(epoch, loss, r2, f"  (mean of {plural(len(rows), 'run')})")
            left = [m for m in going if ended[m] is None and not m.training_state.ended]
            if len(left) < len(going):
                models = None
            for member in going:
                if member not in left:
                    member.leave()
                    yield member, ended[member]
            going = left


def _epoch(
    members: list[PackedRun],
    models: StackedModels | SequentialModels,
    context: AbstractContextManager,
) -> dict[PackedRun, Exception | None]:
    """Train, score and keep one epoch of each; what went wrong, by member."""
    started = time.monotonic()
    with energy_meter("cuda" if members[0].row.is_cuda else "cpu", 1) as meter:
        _train_epoch(members, models, context)
        predicted = _predicted(members, models, context)
    seconds = (time.monotonic() - started) / len(members)  # a member's share
    errors = {}
    for member, (values, observed) in zip(members, predicted, strict=True):
        member.spend(meter.joules, len(members))
        try:
            member.end_epoch(values, observed, seconds)
        except Exception as error:  # of any kind: it ends this member alone
            errors[member] = error
        else:
            errors[member] = None
    return errors


def _train_epoch(
    members: list[PackedRun],
    models: StackedModels | SequentialModels,
    context: AbstractContextManager,
) -> None:
    for member in members:
        member.begin_epoch()
    for batches in zip_longest(*(member.train for member in members)):
        raise_if_interrupted()
        losses = models.learn(batches, context)
        for member, own, loss in zip(members, batches, losses, strict=True):
            if own is not None:
                member.step(loss)


@torch.no_grad()
def _predicted(
    members: list[PackedRun],
    models: StackedModels | SequentialModels,
    context: AbstractContextManager,
) -> list[tuple[Tensor, Tensor]]:
    """Of each member's validation strains: predicted and observed, (n, P) on the CPU.

    That waits for the device, whose epoch it is that is timed.
    """
    predicted, observed = [[] for _ in members], [[] for _ in members]
    for batches in zip_longest(*(member.val for member in members)):
        for k, (own, values) in enumerate(
            zip(batches, models.predict(batches, context), strict=True)
        ):
            if own is not None:
                predicted[k].append(values)
                observed[k].append(own.phenotype_BP)
    return [
        (torch.cat(values).double().cpu(), torch.cat(seen).double().cpu())
        for values, seen in zip(predicted, observed, strict=True)
    ]
