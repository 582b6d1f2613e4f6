"""Commands of Hydra's launchers: their overrides, their environment, what they leave."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.helpers.command import ROOT, call

# Tests of one xdist_group share a worker, and with it the one Slurm.
ONE_SLURM = pytest.mark.xdist_group("slurm")
SLURM = (
    "hydra/launcher=submitit_slurm", "hydra.launcher.partition=debug",
    "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1",
)  # fmt: skip


def environment() -> dict[str, str]:
    """Return the environment of a command whose Ray does not give way to other processes."""
    return {
        **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled",
        "RAY_worker_niceness": "0",
    }  # fmt: skip


def run_command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    return call(*arguments, cwd=cwd, **environment())


def start_command(*arguments: str, cwd: Path) -> subprocess.Popen:
    """Start a command in its own session; return it once each of its two runs has an epoch."""
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=cwd, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    await_true(
        lambda: len(list(cwd.glob("runs/*/history.parquet"))) == 2 or process.poll() is not None
    )
    assert process.poll() is None, process.communicate()
    return process


def await_true(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        time.sleep(0.1)


def statuses(cwd: Path) -> dict[str, str]:
    """Return model -> status, from a study's table."""
    (file,) = cwd.glob("studies/*/results.parquet")
    return {row["model"]: row["status"] for row in pq.read_table(file).to_pylist()}


def error_lines(process: subprocess.CompletedProcess) -> list[str]:
    return [line for line in process.stderr.splitlines() if line.startswith("error: ")]
