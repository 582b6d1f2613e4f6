"""What many open W&B runs say: all of it, in order, and not too often."""

from hypothesis import given
from hypothesis import strategies as st

from g2p.tracking.throttle import SECONDS_A_RUN, UploadThrottle
from g2p.tracking.wandb_tracker import WandbTracker


class Run:
    """Notes when something was logged; W&B itself has no clock to be asked."""

    def __init__(self, clock):
        self.clock, self.said = clock, []

    def log(self, row, step):
        self.said.append((self.clock[0], row["epoch"]))

    def finish(self, exit_code):
        pass


@given(runs=st.integers(1, 8), waits=st.lists(st.floats(0, 3), min_size=1, max_size=30))
def test_all_is_said_in_order_and_not_too_often(runs, waits):
    clock = [0.0]
    buffer = UploadThrottle(lambda: clock[0])
    wandb = [Run(clock) for _ in range(runs)]
    trackers = [WandbTracker(run, artifact=False, outlet=buffer) for run in wandb]
    rows = [[] for _ in range(runs)]
    for epoch, wait in enumerate(waits):
        clock[0] += wait
        for own, tracker in zip(rows, trackers, strict=True):
            own.append({"epoch": epoch})
            tracker.epochs(own)
    during = [list(run.said) for run in wandb]
    for tracker in trackers:
        tracker.finish(exit_code=0)
    for run in wandb:
        assert [epoch for _, epoch in run.said] == list(range(len(waits)))
    times = sorted({at for said in during for at, _ in said})
    assert times[0] == waits[0]  # the first epoch is seen at once
    apart = [b - a for a, b in zip(times, times[1:], strict=False)]
    assert all(gap >= SECONDS_A_RUN * runs for gap in apart)
    assert buffer.open == []
