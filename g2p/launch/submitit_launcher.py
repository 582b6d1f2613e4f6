"""Hydra's submitit launchers, on Slurm or on this machine: each job is waited for, and reported.

The plugin's give up at the first job that died, and on this machine start all jobs at once.
"""

import contextlib
import os
import signal
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import submitit
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra_plugins.hydra_submitit_launcher import submitit_launcher
from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf
from omegaconf import OmegaConf
from submitit.core.utils import FailedJobError, UncompletedJobError

from g2p.core.interrupts import raise_if_interrupted
from g2p.core.messages import report_job_result
from g2p.hardware.gpu_allocation import visible_gpus
from g2p.launch.hydra_plugins import announced, hydra_plugin
from g2p.launch.job_failure import job_failure

SECONDS_BETWEEN_LOOKS = 0.5

Submit = Callable[[], submitit.Job]


class SubmititLauncher(submitit_launcher.BaseSubmititLauncher):
    """Runs each job to its end or its failure."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> list[JobReturn]:
        assert self.config and self.hydra_context and self.task_function  # since `setup`
        # What a job calls in another process, which finds the plugin's class by its name.
        call = submitit_launcher.BaseSubmititLauncher(**self.params)
        call.setup(
            hydra_context=self.hydra_context, task_function=self.task_function, config=self.config
        )
        jobs = [
            (overrides, "hydra.sweep.dir", number, f"job_id_for_{number}", Singleton.get_state())
            for number, overrides in announced(self.config, job_overrides, initial_job_idx)
        ]
        return self.run(self.executor(), call, jobs)

    def executor(self) -> submitit.AutoExecutor:
        """Return submitit's executor; options that not all executors share have its prefix."""
        options = dict(self.params)
        prefix = f"{self._EXECUTOR}_"
        of_executor = {"folder": options.pop("submitit_folder")}
        if "max_num_timeout" in options:
            of_executor[f"{prefix}max_num_timeout"] = options.pop("max_num_timeout")
        executor = submitit.AutoExecutor(cluster=self._EXECUTOR, **of_executor)
        shared = OmegaConf.structured(BaseQueueConf).keys()
        executor.update_parameters(
            **{key if key in shared else f"{prefix}{key}": value for key, value in options.items()}
        )
        return executor

    @abstractmethod
    def run(
        self, executor: submitit.AutoExecutor, call: Callable, jobs: list[tuple]
    ) -> list[JobReturn]:
        """Submit `call` with the arguments of each job, and wait for all."""


@hydra_plugin
class SlurmLauncher(SubmititLauncher):
    """Submits an array of jobs to Slurm."""

    _EXECUTOR = "slurm"

    def run(
        self, executor: submitit.AutoExecutor, call: Callable, jobs: list[tuple]
    ) -> list[JobReturn]:
        submitted = executor.map_array(call, *zip(*jobs, strict=True))
        try:
            return _wait([lambda job=job: job for job in submitted], jobs, len(jobs))
        except BaseException:  # Ctrl-C, most often: Slurm continues the jobs
            number = submitted[0].job_id.partition("_")[0]
            print(f"Slurm continues job {number}; scancel {number} ends it.", flush=True)
            raise


@hydra_plugin
class LocalLauncher(SubmititLauncher):
    """Runs as many jobs at once as there are cores for, none of which outlives this process."""

    _EXECUTOR = "local"

    def run(
        self, executor: submitit.AutoExecutor, call: Callable, jobs: list[tuple]
    ) -> list[JobReturn]:
        parameters = executor.parameters
        cores = parameters.get("cpus_per_task", 1)
        os.environ.setdefault("OMP_NUM_THREADS", str(cores))
        # Otherwise submitit counts from 0, whichever GPUs are visible.
        parameters["visible_gpus"] = visible_gpus()
        parameters.setdefault("gpus_per_node", len(parameters["visible_gpus"]))
        running: list[submitit.Job] = []

        def submit(job: tuple) -> submitit.Job:
            with _without_interrupts():
                running.append(executor.submit(call, *job))
            return running[-1]

        try:
            return _wait([partial(submit, job) for job in jobs], jobs, os.cpu_count() // cores)
        finally:
            for job in running:
                if not job.done():
                    os.kill(int(job.job_id), signal.SIGTERM)


def _wait(submits: Sequence[Submit], jobs: Sequence[tuple], at_once: int) -> list[JobReturn]:
    """Submit jobs, never more than `at_once`, until the last has ended."""
    waiting = list(enumerate(submits))[::-1]
    running: dict[int, submitit.Job] = {}
    results: dict[int, JobReturn] = {}
    while waiting or running:
        while waiting and len(running) < max(1, at_once):
            number, submit = waiting.pop()
            running[number] = submit()
        for number in [number for number, job in running.items() if job.done()]:
            results[number] = _result(running.pop(number), overrides=jobs[number][0])
        time.sleep(SECONDS_BETWEEN_LOOKS)
        raise_if_interrupted()
    return [results[number] for number in sorted(results)]


def _result(job: submitit.Job, overrides: list[str]) -> JobReturn:
    try:
        (returned,) = job.results()
    except (UncompletedJobError, FailedJobError):
        returned = job_failure(
            overrides, f"job {job.job_id}: {job.state.lower()}; log: {job.paths.stderr}"
        )
    report_job_result(returned)
    return returned


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Have processes that are started within ignore Ctrl-C, which only this one handles."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may change how signals are handled
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
