"""What a machine is made of: processor, cores, memory, GPUs. Nothing here imports torch."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

CPU_FACTS = Path("/proc/cpuinfo")


def describe_machine() -> dict[str, str | int | list[str] | None]:
    """Return the facts of this machine: `cpu`, `cores`, `memory` in bytes, `gpus`, `platform`."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "memory": _memory(),
        "gpus": _gpu_names(),
        "platform": platform.platform(),
    }


def cpu_name() -> str:
    """Return the processor's model where the system says, else its kind."""
    try:
        lines = CPU_FACTS.read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, models), platform.processor() or platform.machine() or "cpu")


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on every system
        return None


def _gpu_names() -> list[str]:
    """Return the names of NVIDIA's GPUs, as its driver lists them."""
    if not shutil.which("nvidia-smi"):
        return []
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):  # a tool without a driver
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]
