"""Jobs of joblib: a killed process does not affect the others, all of which joblib would end."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hydra.core.utils import JobReturn
from hydra_plugins.hydra_joblib_launcher import _core
from joblib import Parallel, delayed, effective_n_jobs
from joblib.externals.loky.process_executor import TerminatedWorkerError

from g2p.core.errors import OptionError
from g2p.core.interrupts import raise_if_interrupted
from g2p.core.pipes import survive_closed_pipes
from g2p.launch.end_with_parent import end_with
from g2p.launch.job_failure import job_failure


def wait_for_all(report: Callable[[JobReturn], None]) -> None:
    """Have the launcher continue after a process was killed, with each interrupted job alone."""

    def parallel(*, n_jobs: int, **options) -> Callable[[Iterable[tuple]], list[JobReturn]]:
        if n_jobs == 0:
            raise OptionError(
                "hydra.launcher.n_jobs must not be 0; -1 is as many as there are cores."
            )

        def run(jobs: Iterable[tuple]) -> list[JobReturn]:
            waiting, at_once = dict(enumerate(jobs)), effective_n_jobs(n_jobs)
            ended: dict[int, JobReturn] = {}
            while waiting:
                for number, returned in _ended(waiting, at_once, options):
                    ended[number] = returned
                    del waiting[number]
                raise_if_interrupted()
                # Jobs start in their order, so one of these was killed.
                for number in list(waiting)[:at_once]:
                    job = waiting.pop(number)
                    # Two at once, since for one joblib makes no process.
                    result = dict(_ended({number: job}, 2, options))
                    if number not in result:
                        result[number] = job_failure(job[1][1], "killed, perhaps for memory")
                        report(result[number])
                    ended |= result
            return [ended[number] for number in sorted(ended)]

        return run

    _core.Parallel = parallel


def _ended(jobs: dict[int, tuple], at_once: int, options: dict) -> Iterator[tuple[int, JobReturn]]:
    """Yield the jobs by number as they end, until all have ended or a process is killed."""
    unordered = Parallel(**options, n_jobs=at_once, return_as="generator_unordered")
    try:
        numbered = delayed(_numbered)
        returned: Any = unordered(numbered(os.getpid(), n, *job) for n, job in list(jobs.items()))
        yield from returned
    except TerminatedWorkerError:
        return


def _numbered(
    parent: int, number: int, function: Callable, args: tuple, kwargs: dict
) -> tuple[int, JobReturn]:
    if os.getpid() != parent:
        survive_closed_pipes()
        end_with(parent)
    return number, function(*args, **kwargs)
