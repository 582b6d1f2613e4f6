"""Several runs trained together in one process, as one stacked model; each ends as if alone."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import zip_longest
from statistics import fmean

import torch
from torch import Tensor
from torch.nn import functional as F

from g2p.data.batches import Batch
from g2p.train.bar import Bar
from g2p.train.energy import metered
from g2p.train.loss import masked_mse
from g2p.train.member import Member
from g2p.train.stack import Stack

# What Lightning takes of each step of a run alone, at the least (benchmarks/packed.py: a step
# of 16 loci takes 3.6 ms, of which 1.7 ms are its own).
LIGHTNING_SECONDS = 0.002


def train_together(
    members: list[Member], *, autocast: bool
) -> Iterator[tuple[Member, Exception | None]]:
    """Train each until its course has ended; yields a member as it ends, with what ended it.

    A member that has ended leaves the stack and costs nothing from then on; one that fails (its
    loss is not finite, its folder cannot be written) fails alone.

    Args:
        members: whose models differ in nothing but values, and whose loci, phenotypes and batch
            size are as many; on one device.
        autocast: whether the forward pass is in bfloat16 (weights stay as they are).
    """
    device = members[0].row.device
    context = torch.autocast(device.type, torch.bfloat16) if autocast else nullcontext()
    going = []
    for member in members:  # a run killed after its last epoch must not train another one
        if member.course.ended:
            yield member, None
        else:
            going.append(member)
    done = max((member.course.epochs for member in going), default=0)
    with Bar(max(member.course.max_epochs for member in members), done) as bar:
        stack = None
        while going:
            stack = stack or Stack(*zip(*((m.model, m.row, m.draws) for m in going), strict=True))
            ended = _epoch(going, stack, context)
            rows = [member.course.rows[-1] for member in going if ended[member] is None]
            if rows:
                loss, r2 = (
                    fmean(row[key] for row in rows) for key in ("train_loss", "val_r2_mean")
                )
                epoch = max(member.course.epochs for member in going)
                bar.advance(epoch)
                bar.end_epoch(epoch, loss, r2, f"  (mean of {len(rows)} runs)")
            left = []
            for member in going:
                if ended[member] is None and not member.course.ended:
                    left.append(member)
                else:
                    yield member, ended[member]
            if len(left) < len(going):
                going, stack = left, None


def _epoch(
    members: list[Member], stack: Stack, context: AbstractContextManager
) -> dict[Member, Exception | None]:
    """Train, score and keep one epoch of each; what went wrong, by member."""
    started = time.monotonic()
    with metered("cuda" if members[0].row.is_cuda else "cpu", 1) as meter:
        _train_epoch(members, stack, context)
        predicted = _predicted(members, stack, context)
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


def _train_epoch(members: list[Member], stack: Stack, context: AbstractContextManager) -> None:
    for member in members:
        member.begin_epoch()
    for batches in zip_longest(*(member.train for member in members)):
        _step(members, stack, batches, context)


def _step(
    members: list[Member], stack: Stack, batches: tuple[Batch | None, ...],
    context: AbstractContextManager,
) -> None:  # fmt: skip
    stack.sizes[:] = [0 if batch is None else len(batch.phenotype_BP) for batch in batches]
    batch = _together(batches)
    with context:
        predicted_KBP = stack(*batch.inputs, training=True)
        losses_K = torch.vmap(masked_mse)(predicted_KBP, batch.phenotype_BP, batch.n_observed)
    stack.backward(losses_K)
    for member, own, loss in zip(members, batches, losses_K.detach().unbind(), strict=True):
        if own is not None:
            member.step(loss)


def faster_together(members: list[Member]) -> bool:
    """Whether a step of all at once takes less time than a step of each in turn: both are tried.

    A run alone is trained by Lightning, which takes its own time.

    The members are spent by it.
    """
    batches = tuple(next(iter(member.train)) for member in members)
    for member in members:
        member.begin_epoch()

    def in_turn() -> None:
        for member, batch in zip(members, batches, strict=True):
            loss = masked_mse(member.model(*batch.inputs), batch.phenotype_BP, batch.n_observed)
            loss.backward()
            member.optimizer.step()  # of a row without a gradient: what it costs is little

    turns = _seconds(in_turn) + len(members) * LIGHTNING_SECONDS
    stack = Stack(*zip(*((m.model, m.row, m.draws) for m in members), strict=True))
    return _seconds(lambda: _step(members, stack, batches, nullcontext())) < turns


def _seconds(step: Callable[[], None]) -> float:
    """The shorter of two tries."""
    times = []
    for _ in range(2):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return min(times)


@torch.no_grad()
def _predicted(
    members: list[Member], stack: Stack, context: AbstractContextManager
) -> list[tuple[Tensor, Tensor]]:
    """Of each member's validation strains: predicted and observed, (n, P)."""
    predicted, observed = [[] for _ in members], [[] for _ in members]
    for batches in zip_longest(*(member.val for member in members)):
        with context:
            values_KBP = stack(_together(batches).genotype_BL, training=False)
        for k, own in enumerate(batches):
            if own is not None:
                predicted[k].append(values_KBP[k, : len(own.phenotype_BP)])
                observed[k].append(own.phenotype_BP)
    return [(torch.cat(p), torch.cat(o)) for p, o in zip(predicted, observed, strict=True)]


def _together(batches: tuple[Batch | None, ...]) -> Batch:
    """The members' batches as one, (K, B, ...); shorter ones are filled up by what counts nothing.

    A member whose epoch is over already has no batch.
    """
    there = next(batch for batch in batches if batch is not None)
    longest = max(len(batch.phenotype_BP) for batch in batches if batch is not None)

    def stacked(field: str, empty: float) -> Tensor:
        example = getattr(there, field)
        values = [example[:0] if batch is None else getattr(batch, field) for batch in batches]
        return torch.stack([
            value if len(value) == longest
            else F.pad(value, (0, 0) * (value.dim() - 1) + (0, longest - len(value)), value=empty)
            for value in values
        ])  # fmt: skip

    environments = None if there.environment_B is None else stacked("environment_B", 0)
    counts = [there.n_observed * 0 if batch is None else batch.n_observed for batch in batches]
    return Batch(
        stacked("genotype_BL", 0.0),
        stacked("phenotype_BP", float("nan")),
        torch.stack(counts),
        environments,
    )
