"""Hydra's launcher for runs that are trained together in one process."""

import sys
from collections.abc import Sequence
from typing import NamedTuple

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from g2p.config.compose import compose_config
from g2p.config.run_config import RunConfig


def register() -> None:
    """Register the launcher with Hydra, whose plugins are of one package, which need not exist."""
    plugins = Plugins.instance()  # first: it looks through that package
    for name in (PackedLauncher.__module__.partition(".")[0], PackedLauncher.__module__):
        sys.modules.setdefault(name, sys.modules[__name__])
    plugins.register(PackedLauncher)


class PackedJob(NamedTuple):
    """A job of the packed launcher.

    Attributes:
        number: Hydra's.
        overrides: of its config.
        config: composed from them.
    """

    number: int
    overrides: list[str]
    config: RunConfig


class PackedLauncher(Launcher):
    """Passes all jobs at once to `task_function.run_packed`, with Hydra's own config.

    It returns for each job its result, or the error that it ended with.
    """

    __module__ = "hydra_plugins.g2p"

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> list[JobReturn]:
        jobs = [
            # Not by Hydra, which composes each anew and takes a tenth of a second.
            PackedJob(number, list(overrides), compose_config(overrides, of_many=True))
            for number, overrides in enumerate(job_overrides, start=initial_job_idx)
        ]
        results = self.task_function.run_packed(jobs, self.config.hydra)
        return [
            JobReturn(overrides=job.overrides, status=_status(result), _return_value=result)
            for job, result in zip(jobs, results, strict=True)
        ]


def _status(result: object) -> JobStatus:
    return JobStatus.FAILED if isinstance(result, BaseException) else JobStatus.COMPLETED
