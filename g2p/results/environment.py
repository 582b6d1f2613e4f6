"""What a run ran on: enough to say later why two numbers differ."""

import os
import platform
import resource
import subprocess
import sys
from functools import cache
from importlib.metadata import version

from g2p.options import PACKAGE

PACKAGES = ("g2p", "torch", "lightning", "numpy", "scipy", "scikit-learn", "pyarrow", "hydra-core")


def environment(
    *, device: str, seconds: float, device_memory: int | None, energy: float | None
) -> dict:
    """Versions, git commit, device, seconds of this process's part, peak memory in bytes.

    Args:
        device: as a person would name it.
        seconds: wall clock.
        device_memory: peak bytes on an accelerator, None on a CPU.
        energy: joules that the device took while the run trained, None where not known.
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _versions(),
        "git_commit": _git_commit(),
        "command": sys.argv,
        "device": device,
        "cpu_count": os.cpu_count(),
        "seconds": seconds,
        # ru_maxrss counts kilobytes on Linux.
        "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "peak_device_memory": device_memory,
        "energy": energy,
    }


# Once a process, whatever is installed or committed meanwhile: it is what was imported that ran.
@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


@cache
def _git_commit() -> str | None:
    """The commit of the code, where git and a repository are there to tell."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        git = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return git.stdout.strip() or None
