"""A signal that stops this process: raised where it arrives, and again where that was lost.

Python hands what a signal's handler raises to whatever code is running, and not all of that can
pass it on: within a `__del__` or a weak reference's callback it is dropped, and a library that was
interrupted while it tidied up may raise another error in its place. So it is remembered.
"""

import contextlib
import signal
import sys
from collections.abc import Iterator

_raised: BaseException | None = None
_holding = 0


class Stopped(BaseException):
    """A signal asked the process to stop. Not an Exception: nothing goes on after it."""

    def __init__(self, number: int):
        self.number = number


def stop_on_signals() -> None:
    """From here on, SIGINT and SIGTERM raise Stopped."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: stop(Stopped(number)))


def _dropped(unraisable) -> None:
    """Python would print a traceback; what is raised again needs none."""
    if unraisable.exc_value is not _raised:
        sys.__unraisablehook__(unraisable)


def stop(error: BaseException) -> None:
    """Raise it, as a signal's handler does, so that it cannot be lost; at once, unless held."""
    global _raised
    _raised = error
    sys.unraisablehook = _dropped
    if not _holding:
        raise error


def go_on() -> None:
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
        go_on()


@contextlib.contextmanager
def stopping_first() -> Iterator[None]:
    """Once a signal has come, what is raised within is the signal's, whatever became of it."""
    try:
        yield
    except GeneratorExit:  # a run that nobody goes on with: there is nobody to tell
        raise
    except BaseException:
        go_on()
        raise
    else:
        go_on()
