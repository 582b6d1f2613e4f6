"""Hydra's joblib launcher: a killed process does not affect the other jobs.

joblib ends all jobs when one process is killed (often for memory). Here every job that was running
then is run again by itself, so only the one that caused it fails.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra_plugins.hydra_joblib_launcher import joblib_launcher
from hydra_plugins.hydra_joblib_launcher._core import execute_job, process_joblib_cfg
from joblib import Parallel, delayed, effective_n_jobs
from joblib.externals.loky.process_executor import TerminatedWorkerError

from g2p.core.errors import OptionError
from g2p.core.garbage import collect_rarely
from g2p.core.interrupts import raise_if_interrupted
from g2p.core.messages import report_job_result
from g2p.core.pipes import survive_closed_pipes
from g2p.launch.end_with_parent import end_with
from g2p.launch.hydra_plugins import announced, hydra_plugin
from g2p.launch.job_failure import job_failure
from g2p.launch.prepare import without_launcher_warning

# number -> the arguments of `execute_job`
Jobs = dict[int, tuple]


@hydra_plugin
class JoblibLauncher(joblib_launcher.JoblibLauncher):
    """Runs each job to its end or its failure, as many at once as `n_jobs`."""

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> list[JobReturn]:
        assert self.config  # since `setup`
        options = {**self.joblib, "backend": "loky"}  # threads would share Hydra's state
        process_joblib_cfg(options)
        if options["n_jobs"] == 0:
            raise OptionError(
                "hydra.launcher.n_jobs must not be 0; -1 is as many as there are cores."
            )
        shared = self.hydra_context, self.config, self.task_function, Singleton.get_state()
        jobs = {
            number: (number, overrides, *shared)
            for number, overrides in announced(self.config, job_overrides, initial_job_idx)
        }
        at_once = effective_n_jobs(options.pop("n_jobs"))
        return _run_all(jobs, at_once, options)


def _run_all(waiting: Jobs, at_once: int, options: dict) -> list[JobReturn]:
    ended: dict[int, JobReturn] = {}
    while waiting:
        for number, returned in run_until_killed(execute_job, waiting, at_once, options):
            ended[number] = returned
            del waiting[number]
        raise_if_interrupted()
        # Jobs start in their order, so one of these was killed.
        for number in list(waiting)[:at_once]:
            job = waiting.pop(number)
            # Two at once, since for one joblib makes no process.
            result = dict(run_until_killed(execute_job, {number: job}, 2, options))
            if number not in result:
                result[number] = job_failure(job[1], "killed, perhaps for memory")
                report_job_result(result[number])
            ended |= result
    return [ended[number] for number in sorted(ended)]


def run_until_killed(
    function: Callable, jobs: Jobs, at_once: int, options: dict
) -> Iterator[tuple[int, JobReturn]]:
    """Run `function(*job)` for each job in worker processes; yield (number, result) as they end.

    It ends early, without an error, if a worker is killed: jobs not yielded have no result.
    """
    unordered = Parallel(**options, n_jobs=at_once, return_as="generator_unordered")
    try:
        call, parent = delayed(_call), os.getpid()
        returned: Any = unordered(call(parent, n, function, job) for n, job in list(jobs.items()))
        yield from returned
    except TerminatedWorkerError:
        return


def _call(parent: int, number: int, function: Callable, job: tuple) -> tuple[int, JobReturn]:
    if os.getpid() != parent:
        survive_closed_pipes()
        collect_rarely()
        end_with(parent)
    with without_launcher_warning():
        return number, function(*job)
