"""`sweep.py` with runs that fail: `python -m tests.helpers.failing_sweep study=... size=smoke ...`.

While there is a file `grief`, ridge is killed as if for memory and lasso calls `sys.exit`.
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from g2p.cli import sweep as command
from g2p.runs.run import Steps, obtain_steps
from g2p.study import job as jobs
from g2p.study.job import Job


@dataclass(frozen=True)
class FaultyJob(Job):
    """A study's job whose runs of two models end badly."""

    def steps(self, signature: str, config: dict, wait: bool = True) -> Steps:
        jobs.obtain_steps = grieving
        return super().steps(signature, config, wait)


def grieving(config, group, console, wait, known):
    if (Path(config["paths"]["runs"]).absolute().parent / "grief").exists():
        if config["model"]["name"] == "ridge":
            os.kill(os.getpid(), signal.SIGKILL)
        if config["model"]["name"] == "lasso":
            sys.exit(3)
    return obtain_steps(config, group, console, wait, known)


if __name__ == "__main__":
    from tests.helpers import (
        failing_sweep,
    )  # by this name, not as __main__, a worker finds the class

    jobs.Job = failing_sweep.FaultyJob
    command.main()
