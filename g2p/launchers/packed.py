"""Hydra's launcher for runs that are trained together in one process."""

import copy
import sys
from collections.abc import Sequence

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from g2p.compose import composed


def register() -> None:
    """Tell Hydra of the launcher; it takes plugins from one package alone, which need not exist."""
    plugins = Plugins.instance()  # first: it looks through that package
    for name in (PackedLauncher.__module__.partition(".")[0], PackedLauncher.__module__):
        sys.modules.setdefault(name, sys.modules[__name__])
    plugins.register(PackedLauncher)


class PackedLauncher(Launcher):
    """Hands all jobs over at once: to `task_function.together`, a list of (config, Hydra's config).

    What comes back for each is its result or the error that it ended with.
    """

    __module__ = "hydra_plugins.g2p"

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> list[JobReturn]:
        jobs = [list(words) for words in job_overrides]
        results = self.task_function.together(
            [
                # Not by Hydra, which composes each anew and takes a tenth of a second.
                (composed(words, of_many=True), self._hydra_config(words, number))
                for number, words in enumerate(jobs, start=initial_job_idx)
            ]
        )
        return [
            JobReturn(overrides=words, status=_status(result), _return_value=result)
            for words, result in zip(jobs, results, strict=True)
        ]

    def _hydra_config(self, words: list[str], number: int) -> DictConfig:
        """Hydra's part of a job's config."""
        hydra = copy.deepcopy(self.config.hydra)
        with open_dict(hydra):
            hydra.job.id, hydra.job.num = str(number), number
            hydra.overrides.task = words
        return hydra


def _status(result: object) -> JobStatus:
    return JobStatus.FAILED if isinstance(result, BaseException) else JobStatus.COMPLETED
