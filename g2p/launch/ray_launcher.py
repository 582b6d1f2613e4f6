"""Hydra's Ray launcher: each task is waited for; the plugin gives up at the first that died."""

import signal
from collections.abc import Sequence
from typing import Any

import ray
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra_plugins.hydra_ray_launcher import ray_launcher
from hydra_plugins.hydra_ray_launcher._launcher_util import launch_job_on_ray, start_ray
from omegaconf import open_dict
from ray.exceptions import RayError

from g2p.core.interrupts import raise_if_interrupted
from g2p.core.messages import report_job_result
from g2p.launch.hydra_plugins import announced, hydra_plugin
from g2p.launch.job_failure import job_failure

SECONDS_BETWEEN_LOOKS = 0.5
# What Ray keeps for objects on this machine: runs exchange none, and its default is a third of all.
OBJECT_STORE = 75 * 2**20


@hydra_plugin
class RayLauncher(ray_launcher.RayLauncher):
    """Runs each job as a task of Ray, to its end or its failure."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> list[JobReturn]:
        assert self.config and self.hydra_context and self.task_function  # since `setup`
        if self.ray_cfg.init.address == "local":  # a cluster has its own
            self.ray_cfg.init.setdefault("object_store_memory", OBJECT_STORE)
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        start_ray(self.ray_cfg.init)
        for number, handler in handlers.items():  # Ray has put handlers of its own there
            signal.signal(number, handler)
        tasks = []
        for number, overrides in announced(self.config, job_overrides, initial_job_idx):
            config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = number
            task = launch_job_on_ray(
                self.hydra_context, self.ray_cfg.remote, config, self.task_function,
                Singleton.get_state(),
            )  # fmt: skip
            tasks.append((task, overrides))
        return [_wait(task, overrides) for task, overrides in tasks]


def _wait(task: Any, overrides: list[str]) -> JobReturn:
    ready = []
    while not ready:
        ready, _ = ray.wait([task], timeout=SECONDS_BETWEEN_LOOKS)
        raise_if_interrupted()  # Ray drops what is raised within its calls
    try:
        returned: Any = ray.get(task)
    except RayError as error:
        returned = job_failure(overrides, type(error).__name__)
    report_job_result(returned)
    return returned
