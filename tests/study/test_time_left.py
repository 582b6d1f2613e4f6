"""A study's remaining time, against studies that are played through second by second."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from g2p.study.ledger import Ledger
from g2p.study.time_left import Expected, TimeLeft

# Seconds of a run, by arm, and what is estimated of them.
ARMS = {
    "ridge": ("ridge", 2.0, 0.6), "trees": ("gbdt", 70.0, 40.0),
    "one layer": ("rijal_attention", 200.0, 150.0), "two layers": ("rijal_attention", 420.0, 290.0),
    "deep": ("transformer", 1500.0, 1200.0), "wide": ("transformer", 2600.0, 1900.0),
}  # fmt: skip


def play(order: list[str], at_once: int, pause: float = 0.0) -> list[tuple[float, float]]:
    """Train runs of these arms; return the time left, estimated and true, after each that ends."""
    rng = np.random.default_rng(0)
    runs = {f"{number}": ARMS[arm] for number, arm in enumerate(order)}
    expected = {run: Expected(arm, *ARMS[arm][::2]) for run, arm in zip(runs, order, strict=True)}
    seconds = {run: rng.uniform(0.9, 1.1) * arm[1] for run, arm in runs.items()}
    time_left = TimeLeft(expected, started=1000.0)
    waiting, free, events = list(runs), [1000.0] * at_once, []
    for run in runs:
        worker = int(np.argmin(free))
        begun = free[worker] + pause
        free[worker] = begun + seconds[run]
        events += [(begun, "begin", run), (free[worker], "end", run)]
    estimates = []
    for at, event, run in sorted(events):
        if event == "begin":
            time_left.begin(run, at)
            waiting.remove(run)
        else:
            time_left.end(run, at, finished=True)
            estimates.append((time_left.seconds(waiting, at), max(free) - at))
    return estimates


@pytest.mark.parametrize("at_once", [1, 2, 4])
@pytest.mark.parametrize("replicates", [2, 5, 10])
def test_a_tenth_of_the_runs_tells_the_rest(at_once, replicates):
    estimates = play(list(ARMS) * replicates, at_once, pause=3.0)
    tenth = max(1, len(estimates) // 10)
    for estimated, true in estimates[tenth - 1 : len(estimates) * 9 // 10]:
        assert 1 / 1.5 < estimated / true < 1.5
    assert estimates[-1][0] == 0


def test_runs_of_one_kind_take_what_the_first_took():
    time_left = TimeLeft({run: Expected("kind", "ridge", None) for run in "abcd"}, 0.0)
    assert time_left.seconds("abcd", 5.0) is None
    time_left.begin("a", 0.0)
    time_left.begin("b", 0.0)
    time_left.end("a", 10.0, finished=True)
    # Two at once: c and d take 20 seconds of runs, b still none.
    assert time_left.seconds("cd", 10.0) == pytest.approx(20 / 2)


def test_a_failed_run_and_one_of_another_process_do_not_count():
    time_left = TimeLeft({run: Expected("kind", "ridge", None) for run in "abc"}, 0.0)
    time_left.begin("elsewhere", 0.0)
    time_left.end("elsewhere", 1.0, finished=True)
    time_left.begin("a", 0.0)
    time_left.end("a", 1.0, finished=False)
    assert time_left.seconds("bc", 1.0) is None
    time_left.begin("b", 1.0)
    time_left.end("b", 7.0, finished=True)
    assert time_left.seconds("c", 7.0) == pytest.approx(6.0)


def test_runs_of_an_earlier_call_count_until_one_of_their_kind_has_finished_here():
    expected = {run: Expected(run[0], "gbdt", 1.0) for run in ("s0", "s1", "s2", "l0", "l1")}
    time_left = TimeLeft(expected, 0.0, earlier={"s0": 2.0, "l0": 100.0})
    assert time_left.seconds(["s1", "s2", "l1"], 0.0) == pytest.approx(2 + 2 + 100)
    time_left.begin("s1", 0.0)
    time_left.end("s1", 4.0, finished=True)  # half as fast as before
    time_left.begin("s2", 4.0)
    assert time_left.seconds(["l1"], 4.0) == pytest.approx(4 + 100)


def test_the_ledger_has_what_runs_took_from_their_last_begin(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path)
    times = iter([0, 5, 60, 70, 75])
    clock = SimpleNamespace(
        now=lambda zone: datetime(2026, 1, 1, tzinfo=zone) + timedelta(seconds=next(times))
    )
    monkeypatch.setattr("g2p.study.ledger.datetime", clock)
    for signature, event in [
        ("a", "begun"),
        ("b", "begun"),
        ("a", "begun"),
        ("a", "ended"),
        ("c", "ended"),
    ]:
        ledger.write(signature * 16, event)  # first killed; b is running still
    assert ledger.seconds() == {"a" * 16: 10.0}
