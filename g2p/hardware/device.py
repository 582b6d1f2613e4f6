"""The device that a run computes on. With `cpu`, these functions do not import torch."""

import os
import sys
from pathlib import Path
from typing import Literal

from g2p.core.errors import OptionError
from g2p.hardware.machine import cpu_name


def resolve_accelerator(accelerator: str) -> Literal["cpu", "cuda"]:
    """Return `cpu` or `cuda`, the device that `auto` stands for.

    Raises:
        OptionError: if CUDA is requested and absent.
    """
    if accelerator == "cpu":
        return "cpu"
    import torch

    if accelerator == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if not torch.cuda.is_available():
        raise OptionError(
            "trainer.accelerator=cuda, but torch sees no CUDA device here. "
            "Use trainer=cpu or trainer=auto."
        )
    return "cuda"


def check_devices(accelerator: str, devices: int) -> None:
    """Raise OptionError if a run has more processes than the machine has devices, or may have none.

    A new process imports the script that started it; a notebook or an interactive Python has none.
    """
    if devices > 1 and hasattr(sys, "ps1"):
        raise OptionError(
            f"trainer.devices={devices} starts processes, which a notebook or an interactive "
            "Python cannot do. Use trainer.devices=1, or call from a script."
        )
    available = os.cpu_count() or 1
    if accelerator == "cuda":
        import torch

        available = torch.cuda.device_count()
    if devices > available:
        raise OptionError(
            f"trainer.devices={devices}, but this machine has {available} "
            f"({'CUDA devices' if accelerator == 'cuda' else 'CPU cores'})."
        )


def n_threads(*, is_network: bool) -> int:
    """Return how many threads this process computes with: torch's number for a network.

    A closed form's arithmetic is BLAS's, which takes OMP_NUM_THREADS, or a thread for each core
    that this process may use.
    """
    if is_network:
        import torch

        return torch.get_num_threads()
    variable = os.environ.get("OMP_NUM_THREADS", "")
    return int(variable) if variable.isdecimal() else len(os.sched_getaffinity(0))


def device_name(accelerator: str) -> str:
    """Return the name of the processor or GPU."""
    if accelerator != "cuda":
        return cpu_name()
    import torch

    return torch.cuda.get_device_name()


def reset_peak_memory(accelerator: str) -> None:
    """Start the measurement of peak device memory anew, for another run."""
    if accelerator == "cuda":
        import torch

        if torch.cuda.is_initialized():  # before, there is nothing to reset
            torch.cuda.reset_peak_memory_stats()


def peak_device_memory(accelerator: str, devices: int) -> int | None:
    """Return the peak bytes that torch allocated on the device since `reset_peak_memory`.

    None on a CPU, and for several devices, which other processes use.
    """
    if accelerator != "cuda" or devices > 1:
        return None
    import torch

    return torch.cuda.max_memory_allocated()


def free_memory(accelerator: str) -> int:
    """Return the free bytes on the device, or on this machine within the control group's limit."""
    if accelerator == "cuda":
        import torch

        # Memory that torch reserves without using it is free, too.
        reserved = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return torch.cuda.mem_get_info()[0] + reserved
    fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = 1024 * int(fields["MemAvailable"].split()[0])
    limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
    if limit.exists() and limit.read_text().strip() != "max":
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return free
