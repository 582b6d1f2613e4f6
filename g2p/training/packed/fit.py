"""Fit several models of one kind at once (see `g2p.training.packed.loop`)."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from g2p.data.device_data import DeviceData
from g2p.data.preprocess import Prepared
from g2p.hardware.device import free_memory, reset_peak_memory, resolve_accelerator
from g2p.hardware.gpu_allocation import select_gpus
from g2p.training.budget import count_epochs
from g2p.training.fit import FitRequest, Fitted, load_best_epoch, module_options
from g2p.training.inference import attention_sample, measure_attention, validation_batch
from g2p.training.packed.flat_parameters import bytes_for_backward, bytes_of_parameters
from g2p.training.packed.loop import train_packed
from g2p.training.packed.member import PackedRun
from g2p.training.training_state import TrainingState

# Of the memory that is free, what members may take; and backward needs about as much again as
# forward keeps.
SHARE, BACKWARD = 0.6, 2.0
# At most, however small: each has its files and its tracker open.
MOST_MEMBERS = 64
# Strains of all members, which a GPU's fused attention takes as one batch.
MOST_STRAINS = 65_535
# What a step of one member may keep for the backward pass where a CPU's members are stacked. A
# stack of more goes through memory, not caches, and is no faster than its members alone
# (`python -m benchmarks.packed`: a Rijal model keeps 4 MB at 64 loci and 7 at 128, a transformer
# far more).
IN_CACHE = 4 * 2**20


def measure_capacity(request: FitRequest) -> int:
    """Measure a forward pass of one member: how many members like it are trained as one model.

    As many as fit into the free memory; 1 on a CPU where a stack would be no faster.
    """
    member = _member(request, {}, 1)
    device = member.flat_parameters.device.type
    free = SHARE * free_memory(device)
    (batch,) = itertools.islice(member.train, 1)
    with _precision(request, device):
        for_backward = bytes_for_backward(member.model, *batch.inputs)
    if device == "cpu" and for_backward > IN_CACHE:
        return 1
    most = free / (BACKWARD * (for_backward + bytes_of_parameters(member.model)))
    fused = MOST_STRAINS // len(batch.phenotype_BP)
    return max(1, min(MOST_MEMBERS, fused, int(most)))


def fit_packed(requests: Sequence[FitRequest]) -> Iterator[tuple[int, Fitted | Exception]]:
    """Fit requests of one kind (see `g2p.runs.packed_runs`) as one stacked model.

    Yields the number of each request as it ends, and its result or error.
    """
    numbers: dict[PackedRun, int] = {}
    on_device: dict[tuple, list] = {}
    for i, request in enumerate(requests):
        try:
            numbers[_member(request, on_device, len(requests))] = i
        except Exception as error:  # of any kind: it does not affect the other requests
            yield i, error
    members = list(numbers)
    if not members:
        return
    device = members[0].flat_parameters.device.type
    reset_peak_memory(device)
    context = _precision(requests[0], device)
    for member, error in train_packed(members, context, requests[0].bar):
        number = numbers[member]
        if error is None:
            yield number, _finish(requests[number], member, stacked=len(members) > 1)
        else:
            yield number, error


def _finish(request: FitRequest, member: PackedRun, stacked: bool) -> Fitted | Exception:
    config, data, folder, *_ = request
    try:
        result = load_best_epoch(config, data, folder, member.model, member.training_state.rows)
    except Exception as error:  # of any kind: it does not affect the other requests
        return error
    return replace(result, joules=member.joules, stacked=stacked)


def _precision(request: FitRequest, device: str) -> AbstractContextManager:
    """Return the context of the forward pass's precision; weights stay as they are."""
    mixed = request.config.trainer.precision == "bf16-mixed"
    return torch.autocast(device, torch.bfloat16) if mixed else nullcontext()


def _member(request: FitRequest, on_device: dict, n_members: int) -> PackedRun:
    config, data = request.config, request.data
    options = config.trainer
    device = _device(options.accelerator)
    double = options.precision == "64-true"
    start = module_options(config, data, request.base)
    model = start.pop("model").to(device)
    model = model.double() if double else model
    resident = _load_on_device(data, on_device, device, double)
    at_once = validation_batch(data.genotypes.shape[1]) // n_members
    train = resident.train(
        batch_size=options.batch_size,
        drop_last=options.drop_last,
        seed=config.seed,
        n_environments=getattr(model, "n_environments", None),
    )
    return PackedRun(
        model=model,
        **start,
        train=train,
        val=resident.val(max(options.batch_size, at_once)),
        training_state=TrainingState(
            data.phenotype_names,
            monitor=options.monitor,
            patience=options.patience,
            max_epochs=count_epochs(options.max_epochs, options.max_updates, len(train)),
            updates_an_epoch=len(train),
            ridge_r2=request.ridge_r2,
            ridge_margin=options.ridge_margin,
        ),
        attention=partial(measure_attention, model, attention_sample(data)),
        clip=options.gradient_clip_val,
        folder=Path(request.folder),
        on_epoch=request.on_epoch,
    )


def _device(accelerator: str) -> torch.device:
    """Return the device that trains a member."""
    if resolve_accelerator(accelerator) == "cpu":
        return torch.device("cpu")
    (index,) = select_gpus(1)
    return torch.device("cuda", index)


def _load_on_device(
    data: Prepared, on_device: dict[tuple, list], device: torch.device, double: bool
) -> DeviceData:
    """Load a panel on its device; members of one panel share its genotypes."""
    genotypes = data.genotypes
    loaded = on_device.setdefault((genotypes.shape, genotypes.dtype), [])
    shared: Tensor | None = next(
        (tensor for array, tensor in loaded if np.array_equal(array, genotypes)), None
    )
    resident = DeviceData(data, double=double, genotypes=shared).to(device)
    if shared is None:
        loaded.append((genotypes, resident.genotypes))
    return resident
