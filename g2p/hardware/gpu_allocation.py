"""Allocating one of several GPUs to this process."""

import os
import tempfile
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path

# Locks of this process; the system releases them when it ends.
_locks: list = []


def select_devices(accelerator: str, devices: int) -> int | list[int]:
    """Return Lightning's `devices`: the number of CPU processes, or the indices of GPUs."""
    return select_gpus(devices) if accelerator == "cuda" else devices


def select_gpus(devices: int) -> list[int]:
    """Return the indices of a run's GPUs; a run on one of several uses that of this process."""
    import torch  # here and below: it takes two seconds, which a closed form does not need

    if devices == 1 and torch.cuda.device_count() > 1:
        return [_gpu_of_this_process()]
    return list(range(devices))


@cache
def _gpu_of_this_process() -> int:
    import torch

    folder = Path(tempfile.gettempdir()) / f"g2p-gpus-{os.getuid()}"
    index = claim_gpu(visible_gpus(), folder)
    torch.cuda.set_device(index)
    return index


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, by their names on the whole machine."""
    import torch

    variable = os.environ.get("CUDA_VISIBLE_DEVICES")
    if variable is None:
        return [str(index) for index in range(torch.cuda.device_count())]
    return variable.split(",")[: torch.cuda.device_count()]


def claim_gpu(gpus: Sequence[str], folder: Path) -> int:
    """Allocate the GPU with the fewest processes of this user to this process; return its index.

    Each GPU has slots, lock files in `folder`. A process locks one slot until it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    slots = ((slot, index) for slot in count() for index in range(len(gpus)))
    return next(i for slot, i in slots if _acquire(folder / f"{gpus[i]}-{slot}.lock"))


def _acquire(file: Path) -> bool:
    from filelock import FileLock, Timeout  # not needed to train on a CPU

    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    _locks.append(lock)
    return True
