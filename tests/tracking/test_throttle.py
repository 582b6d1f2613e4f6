"""Many open W&B runs upload every epoch, in order, and not too often."""

from hypothesis import given
from hypothesis import strategies as st

from g2p.tracking.throttle import SECONDS_PER_RUN, UploadThrottle
from g2p.tracking.wandb_tracker import WandbTracker


class Run:
    """Stores when each epoch was logged; W&B itself has no clock."""

    def __init__(self, clock):
        self.clock, self.logged = clock, []

    def log(self, row, step):
        self.logged.append((self.clock[0], row["epoch"]))

    def finish(self, exit_code):
        pass


@given(runs=st.integers(1, 8), waits=st.lists(st.floats(0, 3), min_size=1, max_size=30))
def test_every_epoch_is_uploaded_in_order_and_not_too_often(runs, waits):
    clock = [0.0]
    throttle = UploadThrottle(lambda: clock[0])
    wandb = [Run(clock) for _ in range(runs)]
    trackers = [WandbTracker(run, artifact=False, throttle=throttle) for run in wandb]
    rows = [[] for _ in range(runs)]
    for epoch, wait in enumerate(waits):
        clock[0] += wait
        for history, tracker in zip(rows, trackers, strict=True):
            history.append({"epoch": epoch})
            tracker.epochs(history)
    during = [list(run.logged) for run in wandb]
    for tracker in trackers:
        tracker.finish(exit_code=0)
    for run in wandb:
        assert [epoch for _, epoch in run.logged] == list(range(len(waits)))
    times = sorted({at for logged in during for at, _ in logged})
    assert times[0] == waits[0]  # the first epoch is seen at once
    apart = [b - a for a, b in zip(times, times[1:], strict=False)]
    assert all(gap >= SECONDS_PER_RUN * runs for gap in apart)
    assert throttle.open_runs == []
