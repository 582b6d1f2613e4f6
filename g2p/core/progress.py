"""How far a long computation is, reported without knowing who shows it.

`report` is called with the share that is done. A computation of several parts gives each its span
of the whole, so that the parts report their own shares and need not know of each other.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Report = Callable[[float], None]

_report: ContextVar[Report] = ContextVar("report", default=lambda share: None)


def report(share: float) -> None:
    """Report the share, 0 to 1, that is done of the innermost part."""
    _report.get()(share)


@contextmanager
def reporting_to(show: Report) -> Iterator[None]:
    """Pass what is reported within the block to `show`."""
    token = _report.set(show)
    try:
        yield
    finally:
        _report.reset(token)


@contextmanager
def part(first: float, last: float) -> Iterator[None]:
    """Report what is done within the block as the span from `first` to `last` of the whole."""
    outer = _report.get()
    with reporting_to(lambda share: outer(first + share * (last - first))):
        yield
    outer(last)
