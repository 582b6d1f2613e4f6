"""Fit several models of one kind at once (see `g2p.train.packed`)."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from g2p.data.resident import Resident
from g2p.fit import Fitted, Request, Room, fitted, learning
from g2p.train.course import Course
from g2p.train.device import free_memory, resolve_accelerator
from g2p.train.member import Member
from g2p.train.own_gpu import chosen_devices
from g2p.train.packed import train_together
from g2p.train.predict import VALIDATION_BATCH
from g2p.train.row import bytes_kept, bytes_of_parameters
from g2p.train.stack import Stack
from g2p.train.turns import Turns

# Of the memory that is free, what members may take; and backward needs about as much again as
# forward keeps.
SHARE, BACKWARD = 0.6, 2.0
# However small: each holds its files and its tracker open.
MOST = 64
# What a step of one member may keep for the way back where a CPU's members are stacked. A stack of
# more goes through memory, not caches, and is no faster than its members in turn (`python -m
# benchmarks.packed`: a Rijal model keeps 4 MB at 64 loci and 7 at 128, a transformer far more).
IN_CACHE = 4 * 2**20


def room(request: Request) -> Room:
    """How members like this one are trained at once: a forward pass of one, measured.

    As many as fit into the memory that is free: as one stacked model, or on a CPU in turn where
    that is faster.
    """
    member = _member(request, {}, 1)
    (batch,) = itertools.islice(member.train, 1)
    kept, own = bytes_kept(member.model, *batch.inputs), bytes_of_parameters(member.model)
    device = member.row.device.type
    free = SHARE * free_memory(device)
    stacked = device != "cpu" or kept <= IN_CACHE
    most = free / (BACKWARD * (kept + own)) if stacked else (free - BACKWARD * kept) / own
    return Room(min(MOST, max(1, int(most))), stacked)


def fit_together(
    requests: Sequence[Request], *, stacked: bool
) -> Iterator[tuple[int, Fitted | Exception]]:
    """Fit requests of one kind (see `g2p.together`), as one stacked model or in turn.

    Yields the number of each as it ends, and what it came to.
    """
    members, numbers = [], {}
    on_device: dict[tuple, list] = {}
    for i, request in enumerate(requests):
        try:
            member = _member(request, on_device, len(requests))
        except Exception as error:  # of any kind: it costs this request alone
            yield i, error
            continue
        members.append(member)
        numbers[member] = i
    autocast = requests[0].config["trainer"]["precision"] == "bf16-mixed"
    way = Stack if stacked else Turns
    for member, error in train_together(members, way, autocast=autocast) if members else ():
        config, data, folder, *_ = requests[numbers[member]]
        if error is None:
            result = fitted(config, data, folder, member.model, member.course.rows)
            result = replace(result, joules=member.joules)
        yield numbers[member], error or result


def _member(request: Request, on_device: dict, n_members: int) -> Member:
    config, data = request.config, request.data
    options = config["trainer"]
    device, double = _device(request)
    start = learning(config, data, request.base)
    model = start.pop("model").to(device)
    model = model.double() if double else model
    resident = _resident(request, on_device)
    val_batch = max(options["batch_size"], VALIDATION_BATCH // n_members)
    return Member(
        model=model,
        **start,
        train=resident.train(**_batches(request, model)),
        val=resident.val(val_batch),
        course=Course(
            data.phenotype_names, options["monitor"], options["patience"], options["max_epochs"]
        ),
        clip=options["gradient_clip_val"],
        folder=Path(request.folder),
        on_epoch=request.on_epoch,
    )


def _device(request: Request) -> tuple[torch.device, bool]:
    """Where it is trained, and whether in float64."""
    options = request.config["trainer"]
    accelerator = resolve_accelerator(options["accelerator"])
    device = torch.device("cpu")
    if accelerator == "cuda":
        (index,) = chosen_devices("cuda", 1)
        device = torch.device("cuda", index)
    return device, options["precision"] == "64-true"


def _batches(request: Request, model) -> dict:
    """Options of `Resident.train`."""
    options = request.config["trainer"]
    return {
        "batch_size": options["batch_size"],
        "drop_last": options["drop_last"],
        "seed": request.config["seed"],
        "n_environments": getattr(model, "n_environments", None),
    }


def _resident(request: Request, on_device: dict[tuple, list]) -> Resident:
    """The request's panel on its device; genotypes that another member has there are shared."""
    device, double = _device(request)
    genotypes = request.data.genotypes
    same = on_device.setdefault((genotypes.shape, genotypes.dtype), [])
    shared: Tensor | None = next(
        (tensor for there, tensor in same if np.array_equal(there, genotypes)), None
    )
    resident = Resident(request.data, double=double, genotypes=shared).to(device)
    if shared is None:
        same.append((genotypes, resident.genotypes))
    return resident
