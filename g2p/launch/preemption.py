"""Preemption: a process that a signal ends is not a run that fails."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from functools import partial

from g2p.core.interrupts import Preempted, raise_interrupt

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)


@contextlib.contextmanager
def preemptible() -> Iterator[None]:
    """Turn all that a launcher's library raises on a signal into Preempted, while a job runs.

    submitit handles SIGUSR2, shortly before a time limit, by queueing the job again and exiting;
    Ray handles SIGTERM by exiting. Under Slurm, submitit ignores SIGTERM: a preempted job may use
    its grace period, and Slurm queues it again only if it does not end by itself. Where a signal
    has no handler, or one of ours, nothing changes; nor in a thread, which receives no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, partial(_preempt, handler))
    if (
        os.environ.get("SUBMITIT_EXECUTOR") == "local"
    ):  # no scheduler queues it again, so it may stop
        signal.signal(signal.SIGTERM, partial(_preempt, _exit))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _preempt(handler, number: int, frame) -> None:
    try:
        handler(number, frame)
    except (KeyboardInterrupt, SystemExit, Exception) as error:
        # From the code, submitit's own process decides whether to start the job again.
        raise_interrupt(Preempted(getattr(error, "code", 128 + number)))


def _exit(number: int, frame) -> None:
    raise SystemExit(128 + number)
