"""Hydra's launcher for runs that are trained together in one process."""

import sys
from collections.abc import Sequence

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict


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
        configs = [
            self._config(list(words), number)
            for number, words in enumerate(job_overrides, start=initial_job_idx)
        ]
        results = self.task_function.together(
            [(OmegaConf.to_container(task, resolve=True), hydra) for task, hydra in configs]
        )
        return [
            JobReturn(
                overrides=list(words),
                cfg=task,
                hydra_cfg=hydra,
                status=_status(result),
                _return_value=result,
            )
            for words, (task, hydra), result in zip(job_overrides, configs, results, strict=True)
        ]

    def _config(self, words: list[str], number: int) -> tuple[DictConfig, DictConfig]:
        """A job's config, and Hydra's part of it."""
        config = self.hydra_context.config_loader.load_sweep_config(self.config, words)
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
            hydra = config.pop("hydra")
        return config, hydra


def _status(result: object) -> JobStatus:
    return JobStatus.FAILED if isinstance(result, BaseException) else JobStatus.COMPLETED
