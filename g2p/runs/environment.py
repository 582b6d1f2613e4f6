"""What a run ran on: enough to say later why two numbers differ."""

import os
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from g2p.core.package import PACKAGE
from g2p.core.phrases import plural

# Of these another version can give a run other digits.
COMPARED = ("torch", "scikit-learn", "lightgbm")
PACKAGES = (
    "g2p", *COMPARED, "lightning", "numpy", "scipy", "pyarrow", "hydra-core", "omegaconf",
)  # fmt: skip


def environment(
    *, provenance: Mapping, device: str, threads: int, stacked: bool, resumed: bool,
    seconds: float, device_memory: int | None, energy: float | None,
) -> dict:  # fmt: skip
    """Return versions, commit, device and cost of a run, of the process that finished it.

    Args:
        provenance: what the signature covers beside the config (see `g2p.runs.resolve`).
        device: its name for a reader.
        threads: that the run computed with.
        stacked: whether the run was trained as one of several stacked models.
        resumed: whether another process started it.
        seconds: wall clock of this process's part.
        device_memory: peak bytes on an accelerator, None on a CPU.
        energy: joules that the device took while the run trained, None where not known.
    """
    commit, dirty = git_state(PACKAGE)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _versions(),
        "git_commit": commit,
        "git_dirty": dirty,
        **provenance,
        "command": sys.argv,
        "device": device,
        "cpu_count": os.cpu_count(),
        "threads": threads,
        "stacked": stacked,
        "resumed": resumed,
        "seconds": seconds,
        # ru_maxrss counts kilobytes on Linux.
        "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "peak_device_memory": device_memory,
        "energy": energy,
    }


def differences(recorded: Mapping, threads: int | None) -> str | None:
    """Describe in a sentence how a run's environment differs from this one; None where it is alike.

    Its config, data and code are the same, so its numbers can differ in their last digits only.

    Args:
        recorded: the run's environment; facts that it lacks are not compared.
        threads: that a network computes with here; None of a closed form, which is not compared.
    """
    trained = recorded.get("packages", {})
    parts = [
        f"{name} {trained[name]} ({here} is installed)"
        for name in COMPARED
        if (here := _versions()[name]) != trained.get(name, here)
    ]
    if threads is not None and recorded.get("threads") not in (None, threads):
        parts.append(f"{plural(recorded['threads'], 'thread')} ({threads} here)")
    sentences = [f"It was trained with {', '.join(parts)}."] if parts else []
    if recorded.get("stacked") is True:
        sentences.append("It was trained as one of several stacked models.")
    if sentences:
        sentences.append("Trained here, its last digits may differ.")
    return " ".join(sentences) or None


def versions(recorded: Mapping) -> str | None:
    """Return the compared packages with the versions that a run recorded, in a line."""
    packages = recorded.get("packages")
    if packages is None:
        return None
    return ", ".join(f"{name} {packages[name]}" for name in COMPARED if name in packages)


def installed() -> str:
    """Return the compared packages with the versions that are installed here, in a line."""
    return versions({"packages": _versions()}) or ""


# Once a process, whatever is installed or committed meanwhile: it is what was imported that ran.
@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


def installed_versions() -> dict[str, str]:
    """Return Python's version and those of the packages that a run records."""
    return {"python": platform.python_version(), **_versions()}


@cache
def git_state(folder: Path) -> tuple[str | None, bool | None]:
    """Return the commit of the code in a folder, and whether its checkout differs from it.

    Untracked files count. Both are None where git cannot say or the folder is in no repository,
    as for an installed package, whose folder may lie in a repository that does not track it.
    """
    command = ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=normal"]
    try:
        # Fails for a folder that the repository around it does not track.
        subprocess.run(
            ["git", "ls-files", "--error-unmatch", "."], cwd=folder, capture_output=True, check=True
        )
        status = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None, None
    lines = status.stdout.splitlines()
    commit = next(line.split()[2] for line in lines if line.startswith("# branch.oid"))
    dirty = any(not line.startswith("#") for line in lines)
    return (None if commit == "(initial)" else commit), dirty
