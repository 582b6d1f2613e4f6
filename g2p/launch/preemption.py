"""A process that is told to end is told apart from a run that ends itself."""

import contextlib
import os
import signal
from collections.abc import Iterator
from functools import partial

from g2p.core.interrupts import raise_interrupt

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)


class Preempted(SystemExit):
    """A signal ends this process, and not for good: the run goes on in another."""


@contextlib.contextmanager
def preemptible() -> Iterator[None]:
    """While a job is under way, whatever a launcher's library raises on a signal is Leaving.

    submitit handles SIGUSR2, shortly before a time limit, by queueing the job again and leaving;
    Ray handles SIGTERM by leaving. Under Slurm, submitit passes over SIGTERM: preempted, a job may
    use its time of grace, and Slurm queues it again only if it does not end by itself. Where a
    signal has no handler, or one of ours, nothing changes.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, partial(_leave, handler))
    if os.environ.get("SUBMITIT_EXECUTOR") == "local":  # nobody queues it again, so it may stop
        signal.signal(signal.SIGTERM, partial(_leave, _exit))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(handler, number: int, frame) -> None:
    try:
        handler(number, frame)
    except (KeyboardInterrupt, SystemExit, Exception) as error:
        # submitit's own process tells by the code whether to start the job again.
        raise_interrupt(Preempted(getattr(error, "code", 128 + number)))


def _exit(number: int, frame) -> None:
    raise SystemExit(128 + number)
