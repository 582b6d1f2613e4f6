"""Hydra's launcher for runs that are trained together in one process."""

from collections.abc import Sequence

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from g2p.config.compose import compose_config
from g2p.launch.hydra_plugins import hydra_plugin
from g2p.launch.packed_job import PackedJob


@hydra_plugin
class PackedLauncher(Launcher):
    """Passes all jobs at once to `task_function.run_packed`, with Hydra's own config.

    It returns for each job its result, or the error that it ended with.
    """

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.task_function, self.config = task_function, config

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
