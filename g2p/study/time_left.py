"""How long the rest of a study takes, with every run weighed by its own cost."""

import heapq
from collections.abc import Callable, Hashable, Iterable, Mapping
from statistics import mean
from types import MappingProxyType
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

    A run is expected to take what finished runs of its kind took, here or else before. Where none
    has finished, it is its estimate, corrected by what finished runs of its model, or all, took
    beyond theirs.

    Args:
        expected: signature -> what each run should take, those of `earlier` among them.
        started: seconds since 1970.
        earlier: signature -> seconds, of runs that an earlier call finished.
    """

    def __init__(
        self, expected: Mapping[str, Expected], started: float,
        earlier: Mapping[str, float] = MappingProxyType({}),
    ):  # fmt: skip
        self.expected = expected
        self.earlier = earlier
        self.begun: dict[str, float] = {}
        self.took: dict[str, float] = {}  # of those that finished here
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
        """Return the seconds until every run has ended; None before any has finished.

        Args:
            waiting: signatures of runs that have not begun, in order.
            now: seconds since 1970.
        """
        if not self.took and not self.earlier:
            return None
        expect = self._expectation()
        running = [max(0.0, expect(each) - (now - at)) for each, at in self.begun.items()]
        # Each run begins where one ends first; the last ones leave the others nothing to do.
        busy = running + [0.0] * (self.at_once - len(running))
        heapq.heapify(busy)
        pause = mean(self.pauses) if self.pauses else 0.0
        for signature in waiting:
            heapq.heapreplace(busy, busy[0] + pause + expect(signature))
        return max(busy)

    def _expectation(self) -> Callable[[str], float]:
        """Return a function from a signature to the seconds that its run is expected to take."""
        took = self._finished()
        of_kind = group_by(took, lambda signature: self.expected[signature].kind)
        of_model = group_by(took, lambda signature: self.expected[signature].model)

        def expect(signature: str) -> float:
            run = self.expected[signature]
            if run.kind in of_kind:
                return mean(took[each] for each in of_kind[run.kind])
            if run.seconds is None:
                return mean(took.values())
            return run.seconds * self._correction(of_model.get(run.model) or took, took)

        return expect

    def _finished(self) -> dict[str, float]:
        """Return signature -> seconds, of all finished runs that count.

        An earlier run may have had another machine, or this one to itself: it counts where no run
        of its kind has finished here.
        """
        kinds = {self.expected[each].kind for each in self.took}
        before = {each: seconds for each, seconds in self.earlier.items()
                  if self.expected[each].kind not in kinds}  # fmt: skip
        return before | self.took

    def _correction(self, signatures: Iterable[str], took: Mapping[str, float]) -> float:
        """Return what finished runs took as a share of their estimates."""
        estimated = {each: self.expected[each].seconds for each in signatures}
        seconds = {each: estimate for each, estimate in estimated.items() if estimate is not None}
        true = sum(took[each] for each in seconds)
        return (true + SURE_SECONDS) / (sum(seconds.values()) + SURE_SECONDS)
