"""Of several GPUs, the one that this process takes for itself."""

import os
import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path

import torch

# Locks held until the process ends, however it ends.
_held: list = []


def select_devices(accelerator: str, devices: int) -> int | list[int]:
    """Lightning's `devices`: how many CPU processes, or which GPUs.

    A run on one GPU of several is on the one that this process takes.
    """
    if accelerator != "cuda":
        return devices
    if devices == 1 and torch.cuda.device_count() > 1:
        return [_own_gpu()]
    return list(range(devices))


@cache
def _own_gpu() -> int:
    folder = Path(tempfile.gettempdir()) / f"g2p-gpus-{os.getuid()}"
    index = take(visible_gpus(), folder)
    torch.cuda.set_device(index)
    return index


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, by the names they have on the whole machine."""
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    if told is None:
        return [str(index) for index in range(torch.cuda.device_count())]
    return told.split(",")[: torch.cuda.device_count()]


def take(gpus: Sequence[str], folder: Path) -> int:
    """The index of the GPU that the fewest processes of this user have; this one joins them.

    A process has one until it ends: it holds the lock of a place at it, a file in `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = ((place, index) for place in count() for index in range(len(gpus)))
    return next(i for place, i in places if _held_by_us(folder / f"{gpus[i]}-{place}.lock"))


def _held_by_us(file: Path) -> bool:
    from filelock import FileLock, Timeout  # training on a CPU does without

    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    _held.append(lock)
    return True
