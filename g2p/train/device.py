"""Where a run computes."""

import os
import platform
from pathlib import Path

import torch

from g2p.errors import UserError


def resolve_accelerator(accelerator: str) -> str:
    """`cpu` or `cuda`, once `auto` is decided.

    Raises:
        UserError: when CUDA is asked for and absent.
    """
    if accelerator == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "trainer.accelerator=cuda, but torch sees no CUDA device here. "
            "Use trainer=cpu or trainer=auto."
        )
    return accelerator


def check_devices(accelerator: str, devices: int) -> None:
    """Raises UserError when more processes are asked for than there are devices."""
    there = torch.cuda.device_count() if accelerator == "cuda" else os.cpu_count()
    if devices > there:
        raise UserError(
            f"trainer.devices={devices}, but this machine has {there} "
            f"({'CUDA devices' if accelerator == 'cuda' else 'CPU cores'})."
        )


def device_name(accelerator: str) -> str:
    return torch.cuda.get_device_name() if accelerator == "cuda" else platform.processor() or "cpu"


def peak_device_memory(accelerator: str) -> int | None:
    """Peak bytes that torch held on the device, None on a CPU."""
    return torch.cuda.max_memory_allocated() if accelerator == "cuda" else None


def free_memory(device: torch.device) -> int:
    """Bytes that may still be taken: on the device, or on this machine within its control group."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = 1024 * int(told["MemAvailable"].split()[0])
    limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
    if limit.exists() and limit.read_text().strip() != "max":
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return free
