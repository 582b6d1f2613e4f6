"""Jobs of submitit, on Slurm or on this machine: each is waited for, and its result reported."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import submitit
from hydra.core.utils import JobReturn
from submitit.core.utils import FailedJobError, UncompletedJobError

from g2p.core.interrupts import raise_if_interrupted
from g2p.hardware.gpu_allocation import visible_gpus
from g2p.launch.job_failure import job_failure

SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class Ended:
    """The interface of a job that the launcher uses once the job has ended."""

    returned: JobReturn

    def results(self) -> list[JobReturn]:
        return [self.returned]


def wait_for_all(report: Callable[[JobReturn], None]) -> None:
    """Have the launcher, which gives up at the first job that died, wait for all of them."""

    class Executor(submitit.AutoExecutor):
        def map_array(self, function, *arguments) -> list[Ended]:
            overrides, *_ = arguments
            if self.cluster == "local":
                return _run_on_this_machine(self, function, arguments, partial(_ended, report))
            jobs = super().map_array(function, *arguments)
            starts = [partial(lambda job: job, job) for job in jobs]
            try:
                return _wait(starts, overrides, len(jobs), partial(_ended, report))
            except BaseException:  # Ctrl-C, most often: Slurm continues the jobs
                number = jobs[0].job_id.partition("_")[0]
                print(f"Slurm continues job {number}; scancel {number} ends it.", flush=True)
                raise

    submitit.AutoExecutor = Executor


def _run_on_this_machine(executor, function, arguments, ended) -> list[Ended]:
    """Run as many jobs at once as there are cores for, none of which outlives this process."""
    parameters = executor.parameters
    cores = parameters.get("cpus_per_task", 1)
    os.environ.setdefault("OMP_NUM_THREADS", str(cores))
    # Otherwise submitit counts from 0, whichever GPUs are visible.
    parameters["visible_gpus"] = visible_gpus()
    parameters.setdefault("gpus_per_node", len(parameters["visible_gpus"]))
    running: list[submitit.Job] = []

    def start(job_arguments: tuple) -> submitit.Job:
        with _without_interrupts():
            running.append(executor.submit(function, *job_arguments))
        return running[-1]

    starts = [partial(start, each) for each in zip(*arguments, strict=True)]
    try:
        return _wait(starts, arguments[0], max(1, os.cpu_count() // cores), ended)
    finally:
        for job in running:
            if not job.done():
                os.kill(int(job.job_id), signal.SIGTERM)


def _wait(
    starts: Iterable[Callable[[], submitit.Job]], overrides: Sequence[list[str]], at_once: int,
    ended: Callable[[submitit.Job, list[str]], Ended],
) -> list[Ended]:  # fmt: skip
    """Start jobs, never more than `at_once`, until the last has ended."""
    waiting = list(enumerate(starts))[::-1]
    running: dict[int, submitit.Job] = {}
    results: dict[int, Ended] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            number, start = waiting.pop()
            running[number] = start()
        for number in [number for number, job in running.items() if job.done()]:
            results[number] = ended(running.pop(number), overrides[number])
        time.sleep(SECONDS_BETWEEN_LOOKS)
        raise_if_interrupted()
    return [results[number] for number in sorted(results)]


def _ended(report: Callable[[JobReturn], None], job: submitit.Job, overrides: list[str]) -> Ended:
    try:
        (returned,) = job.results()
    except (UncompletedJobError, FailedJobError):
        returned = job_failure(
            overrides, f"job {job.job_id}: {job.state.lower()}; log: {job.paths.stderr}"
        )
    report(returned)
    return Ended(returned)


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
