"""Jobs of submitit, on Slurm or on this machine: each is waited for, and what became of it said."""

import contextlib
import os
import signal
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
    """What the launcher asks of a job, once it has ended."""

    returned: JobReturn

    def results(self) -> list[JobReturn]:
        return [self.returned]


def wait_for_all(tell: Callable[[JobReturn], None]) -> None:
    """Have the launcher, which gives up at the first job that died, wait for all of them."""

    class Executor(submitit.AutoExecutor):
        def map_array(self, function, *arguments) -> list[Ended]:
            words, *_ = arguments
            if self.cluster == "local":
                return _on_this_machine(self, function, arguments, partial(_ended, tell))
            jobs = super().map_array(function, *arguments)
            starts = [partial(lambda job: job, job) for job in jobs]
            try:
                return _wait(starts, words, len(jobs), partial(_ended, tell))
            except BaseException:  # Ctrl-C, most often: the jobs are Slurm's now
                number = jobs[0].job_id.partition("_")[0]
                print(f"Slurm goes on with job {number}; scancel {number} ends it.", flush=True)
                raise

    submitit.AutoExecutor = Executor


def _on_this_machine(executor, function, arguments, ended) -> list[Ended]:
    """As many jobs at once as there are cores for, none of which outlives this process."""
    told = executor.parameters
    cores = told.get("cpus_per_task", 1)
    os.environ.setdefault("OMP_NUM_THREADS", str(cores))
    told["visible_gpus"] = visible_gpus()  # else submitit counts from 0, whatever may be used here
    told.setdefault("gpus_per_node", len(told["visible_gpus"]))
    running: list[submitit.Job] = []

    def start(own: tuple) -> submitit.Job:
        with _interrupts_are_ours():
            running.append(executor.submit(function, *own))
        return running[-1]

    starts = [partial(start, own) for own in zip(*arguments, strict=True)]
    try:
        return _wait(starts, arguments[0], max(1, os.cpu_count() // cores), ended)
    finally:
        for job in running:
            if not job.done():
                os.kill(int(job.job_id), signal.SIGTERM)


def _wait(
    starts: Iterable[Callable[[], submitit.Job]], words: Sequence[list[str]], at_once: int,
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
            results[number] = ended(running.pop(number), words[number])
        time.sleep(SECONDS_BETWEEN_LOOKS)
        raise_if_interrupted()
    return [results[number] for number in sorted(results)]


def _ended(tell: Callable[[JobReturn], None], job: submitit.Job, words: list[str]) -> Ended:
    try:
        (returned,) = job.results()
    except (UncompletedJobError, FailedJobError):
        returned = job_failure(
            words, f"job {job.job_id}: {job.state.lower()}; log: {job.paths.stderr}"
        )
    tell(returned)
    return Ended(returned)


@contextlib.contextmanager
def _interrupts_are_ours() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal; those started in here leave it to this one."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
