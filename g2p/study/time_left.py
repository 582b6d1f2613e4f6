"""How long the rest of a study takes, with every run weighed by its own cost."""

import heapq
from collections.abc import Callable, Hashable, Iterable, Mapping
from statistics import mean
from typing import NamedTuple

from g2p.core.grouping import group_by

# What runs took corrects estimates of others as far as it outweighs this: a few seconds of starting
# and writing say nothing of hours of training.
SURE_SECONDS = 30.0


class Expected(NamedTuple):
    """What a run should take, before it has begun.

    Attributes:
        kind: runs of a kind differ in nothing that costs time.
        model: its name.
        seconds: an estimate; None where there is none.
    """

    kind: Hashable
    model: str
    seconds: float | None


class TimeLeft:
    """An estimate that runs of a few seconds do not spoil for those of hours.

    A run is expected to take what finished runs of its kind took. Where none has finished, it is
    its estimate, corrected by what finished runs of its model, or all, took beyond theirs.

    Args:
        expected: signature -> what each run should take.
        started: seconds since 1970.
    """

    def __init__(self, expected: Mapping[str, Expected], started: float):
        self.expected = expected
        self.begun: dict[str, float] = {}
        self.took: dict[str, float] = {}  # of those that finished
        self.at_once = 1  # the most that ran
        self.ends = [started]  # that no begin has followed
        self.pauses: list[float] = []  # between an end and the next begin

    def begin(self, signature: str, at: float) -> None:
        """Count a run, unless another process launched it: nothing is known of that."""
        if signature not in self.expected:
            return
        self.begun[signature] = at
        self.at_once = max(self.at_once, len(self.begun))
        if self.ends:
            self.pauses.append(max(0.0, at - self.ends.pop(0)))

    def end(self, signature: str, at: float, *, finished: bool) -> None:
        """Count a run that ended; a failed one says nothing of how long others take."""
        if signature not in self.begun:
            return
        seconds = max(0.0, at - self.begun.pop(signature))
        self.ends.append(at)
        if finished:
            self.took[signature] = seconds

    def seconds(self, waiting: Iterable[str], now: float) -> float | None:
        """Return the seconds until every run has ended; None before the first has finished.

        Args:
            waiting: signatures of runs that have not begun, in order.
            now: seconds since 1970.
        """
        if not self.took:
            return None
        expect = self._expectation()
        running = [max(0.0, expect(each) - (now - at)) for each, at in self.begun.items()]
        # Each run begins where one ends first; the last ones leave the others nothing to do.
        busy = running + [0.0] * (self.at_once - len(running))
        heapq.heapify(busy)
        for signature in waiting:
            heapq.heapreplace(busy, busy[0] + mean(self.pauses) + expect(signature))
        return max(busy)

    def _expectation(self) -> Callable[[str], float]:
        """Return a function from a signature to the seconds that its run is expected to take."""
        of_kind = group_by(self.took, lambda signature: self.expected[signature].kind)
        of_model = group_by(self.took, lambda signature: self.expected[signature].model)

        def expect(signature: str) -> float:
            run = self.expected[signature]
            if run.kind in of_kind:
                return mean(self.took[each] for each in of_kind[run.kind])
            if run.seconds is None:
                return mean(self.took.values())
            return run.seconds * self._correction(of_model.get(run.model) or self.took)

        return expect

    def _correction(self, signatures: Iterable[str]) -> float:
        """Return what finished runs took as a share of their estimates."""
        estimated = {each: self.expected[each].seconds for each in signatures}
        seconds = {each: estimate for each, estimate in estimated.items() if estimate is not None}
        took = sum(self.took[each] for each in seconds)
        return (took + SURE_SECONDS) / (sum(seconds.values()) + SURE_SECONDS)
