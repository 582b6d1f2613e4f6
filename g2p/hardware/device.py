"""Where a run computes. What says `cpu` need not wait for torch to be imported."""

import os
import platform
from pathlib import Path

from g2p.core.errors import UserError


def resolve_accelerator(accelerator: str) -> str:
    """`cpu` or `cuda`, once `auto` is decided.

    Raises:
        UserError: when CUDA is asked for and absent.
    """
    if accelerator == "cpu":
        return "cpu"
    import torch

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
    there = os.cpu_count()
    if accelerator == "cuda":
        import torch

        there = torch.cuda.device_count()
    if devices > there:
        raise UserError(
            f"trainer.devices={devices}, but this machine has {there} "
            f"({'CUDA devices' if accelerator == 'cuda' else 'CPU cores'})."
        )


def device_name(accelerator: str) -> str:
    if accelerator != "cuda":
        return platform.processor() or "cpu"
    import torch

    return torch.cuda.get_device_name()


def reset_peak_memory(accelerator: str) -> None:
    """What comes from here on is another run's, or other runs'."""
    if accelerator == "cuda":
        import torch

        if torch.cuda.is_initialized():  # before, there is nothing to forget
            torch.cuda.reset_peak_memory_stats()


def peak_device_memory(accelerator: str, devices: int) -> int | None:
    """Peak bytes that torch held on the device since they were forgotten.

    None on a CPU, and of several devices, which are other processes' to know.
    """
    if accelerator != "cuda" or devices > 1:
        return None
    import torch

    return torch.cuda.max_memory_allocated()


def free_memory(accelerator: str) -> int:
    """Bytes that may still be taken: on the device, or on this machine within its control group."""
    if accelerator == "cuda":
        import torch

        # What torch keeps for itself and does not use is free, too.
        kept = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return torch.cuda.mem_get_info()[0] + kept
    told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    free = 1024 * int(told["MemAvailable"].split()[0])
    limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
    if limit.exists() and limit.read_text().strip() != "max":
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return free
