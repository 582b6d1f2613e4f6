"""`sweep.py` with runs that fail: `python -m tests.helpers.failing_sweep study=... size=smoke ...`.

While there is a file `faults`, ridge is killed as if for memory and lasso calls `sys.exit`.
"""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from g2p.cli import sweep
from g2p.runs.run import open_run
from g2p.study import job as study_job
from g2p.study.job import Job


@dataclass(frozen=True)
class FaultyJob(Job):
    """A study's job whose runs of two models fail."""

    def open(self, signature: str, config: dict, wait: bool = True):
        study_job.open_run = fail_or_open
        return super().open(signature, config, wait)


def fail_or_open(config: dict, *arguments):
    if (Path(config["paths"]["runs"]).absolute().parent / "faults").exists():
        if config["model"]["name"] == "ridge":
            os.kill(os.getpid(), signal.SIGKILL)
        if config["model"]["name"] == "lasso":
            sys.exit(3)
    return open_run(config, *arguments)


if __name__ == "__main__":
    # A worker finds the class by this name, not as one of __main__.
    from tests.helpers import failing_sweep

    study_job.Job = failing_sweep.FaultyJob
    sweep.main()
