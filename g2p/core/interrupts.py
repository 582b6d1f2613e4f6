"""A signal that stops this process: its exception is raised on arrival, and again if it got lost.

Python raises a handler's exception in whatever code is running, and not all code passes it on:
within a `__del__` or a weak reference's callback Python drops it, and a library that is interrupted
while it cleans up may raise another error instead. So this module stores the exception.

While Python is in one long call of a library's compiled code, no handler runs. The process then
ends after a few seconds as if it was killed; the files that it writes survive that.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 2.0  # seconds in which the handler of a signal should have run

_raised: BaseException | None = None
_n_deferring = 0  # `deferred_signals` blocks that are open
_handler_ran = threading.Event()
_first: float | None = None  # when the first signal came that nobody has dealt with yet
_has_watcher = False


class Stopped(BaseException):
    """A signal stops the process. Not an Exception: no code continues after it."""

    def __init__(self, number: int):
        self.number = number


class Preempted(SystemExit):
    """A signal ends this process, but not the run, which resumes in another process."""


def stop_on_signals() -> None:
    """Make SIGINT and SIGTERM raise Stopped; a second SIGINT ends the process."""
    for number in SIGNALS:
        signal.signal(number, _handler)
    _start_watcher()


def _handler(number: int, frame) -> None:
    _handler_ran.set()
    raise_interrupt(Stopped(number))


@contextlib.contextmanager
def interruptible_call() -> Iterator[None]:
    """Let Ctrl-C end a call from Python with KeyboardInterrupt; afterwards all is as it was before.

    In the block Ctrl-C raises Stopped, as in a command: on a KeyboardInterrupt Lightning exits. In
    a thread, and where the user has a handler, no handler is set.
    """
    global _raised, _first
    before, hook = _raised, sys.unraisablehook
    is_main = threading.current_thread() is threading.main_thread()
    handles = is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if handles:
        signal.signal(signal.SIGINT, _handler)
    try:
        with prioritise_interrupts():
            yield
    except (Stopped, Preempted) as error:
        is_interrupt = isinstance(error, Stopped) or isinstance(
            error.__context__, KeyboardInterrupt
        )
        if not is_interrupt or before is not None:
            raise
        raise KeyboardInterrupt from None
    finally:
        if handles:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _first = None  # the next Ctrl-C, in another call, is no second one
        if is_main:
            _raised, sys.unraisablehook = before, hook


def stopped_message(number: int, where: str) -> str:
    """The message of a command that a signal stopped; `where` the command resumes, in short."""
    return (
        f"stopped by {signal.Signals(number).name}. Run the same command again to resume {where}."
    )


def _start_watcher() -> None:
    """Start a thread that ends the process if the main thread does not run the handler."""
    global _has_watcher
    if _has_watcher or threading.current_thread() is not threading.main_thread():
        return
    _has_watcher = True
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)  # written to by C code, at once
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))  # the pipe is the parent's
    threading.Thread(target=_end_if_stuck, args=(read,), daemon=True).start()


def _end_if_stuck(read: int) -> None:
    global _first
    while True:
        (number,) = os.read(read, 1)
        if number not in SIGNALS or not _uses_handler(signal.getsignal(number)):
            continue
        now = time.monotonic()
        is_second = _first is not None and number == signal.SIGINT and now - _first > 0.5
        _first = _first or now
        if is_second or not _handler_ran.wait(GRACE):
            message = stopped_message(number, "where it stopped")
            os.write(2, f"error: {message}\n".encode())
            os._exit(128 + number)


def _uses_handler(handler) -> bool:
    """Whether a handler is this module's, or `g2p.launch.preemption`'s wrapper around it."""
    return handler is _handler or _handler in getattr(handler, "args", ())


def _report_unraisable(unraisable) -> None:
    """Print a traceback as Python does, except for the exception that is raised again."""
    if unraisable.exc_value is not _raised:
        sys.__unraisablehook__(unraisable)


def raise_interrupt(error: BaseException) -> None:
    """Store the exception of a signal and raise it, unless signals are deferred."""
    global _raised
    _raised = error
    sys.unraisablehook = _report_unraisable
    if not _n_deferring:
        raise error


def raise_if_interrupted() -> None:
    """Raise the exception of a signal that came before, if any: it did not reach the caller."""
    if _raised is not None:
        raise _raised


@contextlib.contextmanager
def deferred_signals() -> Iterator[None]:
    """Raise the exception of a signal only at the end of the block, which runs as a whole."""
    global _n_deferring
    before = _raised
    _n_deferring += 1
    try:
        yield
    finally:
        _n_deferring -= 1
    if _raised is not before:
        raise_if_interrupted()


@contextlib.contextmanager
def prioritise_interrupts() -> Iterator[None]:
    """Once a signal has come, the block raises the signal's exception in place of any other."""
    try:
        yield
    finally:
        raise_if_interrupted()
