"""A signal that stops this process: raised where it arrives, and again where that was lost.

Python hands what a signal's handler raises to whatever code is running, and not all of that can
pass it on: within a `__del__` or a weak reference's callback it is dropped, and a library that was
interrupted while it tidied up may raise another error in its place. So it is remembered.

While Python is in one long call of a library's compiled code, no handler runs. Then the process
ends after some seconds as if it was killed, which all that it writes survives.
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
_holding = 0
_reached = threading.Event()  # whether the handler has run
_watching = False


class Stopped(BaseException):
    """A signal asked the process to stop. Not an Exception: nothing goes on after it."""

    def __init__(self, number: int):
        self.number = number


def stop_on_signals() -> None:
    """From here on, SIGINT and SIGTERM raise Stopped; a second SIGINT ends the process."""
    for number in SIGNALS:
        signal.signal(number, _handler)
    _watch()


def _handler(number: int, frame) -> None:
    _reached.set()
    raise_interrupt(Stopped(number))


def stopped_message(number: int, where: str) -> str:
    """What a command says that a signal stopped; `where` it goes on, in a few words."""
    return f"stopped by {signal.Signals(number).name}. The same command goes on {where}."


def _watch() -> None:
    """Have another thread end the process where the main one does not get to the handler."""
    global _watching
    if _watching or threading.current_thread() is not threading.main_thread():
        return
    _watching = True
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)  # written to by C code, at once
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))  # the pipe is not its own
    threading.Thread(target=_end_if_stuck, args=(read,), daemon=True).start()


def _end_if_stuck(read: int) -> None:
    first = None
    while True:
        (number,) = os.read(read, 1)
        if number not in SIGNALS or not _is_ours(signal.getsignal(number)):
            continue
        again = first is not None and number == signal.SIGINT and time.monotonic() - first > 0.5
        first = first or time.monotonic()
        if again or not _reached.wait(GRACE):
            message = stopped_message(number, "where it was")
            os.write(2, f"error: {message}\n".encode())
            os._exit(128 + number)


def _is_ours(handler) -> bool:
    """Also where `g2p.launch.preemption` has put another around it."""
    return handler is _handler or _handler in getattr(handler, "args", ())


def _dropped(unraisable) -> None:
    """Python would print a traceback; what is raised again needs none."""
    if unraisable.exc_value is not _raised:
        sys.__unraisablehook__(unraisable)


def raise_interrupt(error: BaseException) -> None:
    """Raise it, as a signal's handler does, so that it cannot be lost; at once, unless held."""
    global _raised
    _raised = error
    sys.unraisablehook = _dropped
    if not _holding:
        raise error


def raise_if_interrupted() -> None:
    """Raise what a handler raised before, if there was any: whoever asks has not been reached."""
    if _raised is not None:
        raise _raised


@contextlib.contextmanager
def held() -> Iterator[None]:
    """What a signal raises within is raised at the end: for a moment that has to be whole."""
    global _holding
    before = _raised
    _holding += 1
    try:
        yield
    finally:
        _holding -= 1
    if _raised is not before:
        raise_if_interrupted()


@contextlib.contextmanager
def prioritise_interrupts() -> Iterator[None]:
    """Once a signal has come, what is raised within is the signal's, whatever became of it."""
    try:
        yield
    except GeneratorExit:  # a run that nobody goes on with: there is nobody to tell
        raise
    except BaseException:
        raise_if_interrupted()
        raise
    else:
        raise_if_interrupted()
