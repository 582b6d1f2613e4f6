"""Signals whose exception Python or a library loses."""

import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from g2p.cli import sweep as command
from g2p.cli import train as cli
from g2p.core import interrupts as stopping
from g2p.core.atomic_files import write_json
from g2p.core.interrupts import (
    Preempted,
    Stopped,
    prioritise_interrupts,
    raise_if_interrupted,
    stop_on_signals,
)
from g2p.core.messages import format_error
from g2p.launch.preemption import preemptible
from g2p.runs.packed_runs import run_packed
from g2p.runs.resolve import resolve_run
from g2p.study import job as jobs
from g2p.study.job import Job
from g2p.study.ledger import study_status
from g2p.tracking.group import Group
from g2p.training.fit import fit_model
from g2p.training.packed import fit as packed_fit
from tests.helpers.command import ROOT
from tests.helpers.configs import SMALL_RIDGE, compose, paths, random_prepared
from tests.helpers.packed import TRAINER, fit_all_packed, requests, small


@pytest.fixture(autouse=True)
def signals(monkeypatch):
    monkeypatch.setattr(stopping, "_raised", None)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stop_on_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_long_call_of_compiled_code_is_not_waited_for():
    """Python runs no handler before such a call returns: hours, for a fit of a library's."""
    code = (
        "import hashlib, os, threading; from g2p.core import interrupts; interrupts.GRACE = 0.3; "
        "interrupts.stop_on_signals(); "
        "threading.Timer(0.5, os.kill, (os.getpid(), 2)).start(); "  # it computes by then
        "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 128 + signal.SIGINT
    assert (
        done.stderr
        == "error: stopped by SIGINT. Run the same command again to resume where it stopped.\n"
    )


class Dropped:
    """The signal arrives while Python frees this, where no exception gets out."""

    def __del__(self):
        signal.raise_signal(signal.SIGTERM)


def lost(*_) -> bool:
    Dropped()
    return True


def turned(*_) -> None:
    """As a library does that was interrupted within `open` and closes the file that it has not."""
    try:
        signal.raise_signal(signal.SIGTERM)
    except Stopped:
        raise UnboundLocalError("file") from None


def test_a_lost_exception_is_raised_again(capsys):
    raise_if_interrupted()
    lost()
    assert not capsys.readouterr().err
    with pytest.raises(Stopped) as stopped:
        raise_if_interrupted()
    assert stopped.value.number == signal.SIGTERM
    with pytest.raises(Stopped), prioritise_interrupts():
        raise UnboundLocalError("file")


def test_a_file_leaves_no_draft(tmp_path, monkeypatch):
    """The signal comes when the draft is on disk and nobody has its name."""

    def interrupted(**options):
        made = mkstemp(**options)
        signal.raise_signal(signal.SIGTERM)
        return made

    mkstemp = tempfile.mkstemp
    monkeypatch.setattr(tempfile, "mkstemp", interrupted)
    with pytest.raises(Stopped):
        write_json(tmp_path / "file.json", {})
    assert not list(tmp_path.iterdir())


def test_an_error_names_the_file_not_its_draft(tmp_path):
    """A full disk, say, or here a folder that is where the file should be."""
    (tmp_path / "file.json").mkdir()
    with pytest.raises(OSError) as error:
        write_json(tmp_path / "file.json", {})
    assert format_error(error.value) == f"Is a directory: {tmp_path / 'file.json'}."
    assert str(error.value).endswith(f"'{tmp_path / 'file.json'}'")


@pytest.mark.parametrize("strategy", ["alone", "stacked"])
def test_training_ends_before_its_next_step(tmp_path, strategy):
    epochs = []

    def on_epoch(rows):
        epochs.append(len(rows))
        lost()

    configs = [compose(*small("transformer"), *TRAINER, f"seed={seed}") for seed in range(2)]
    fit_requests = requests(tmp_path, configs, [random_prepared(seed=seed) for seed in range(2)])
    fit_requests = [request._replace(on_epoch=on_epoch) for request in fit_requests]
    with pytest.raises(Stopped):
        if strategy == "alone":
            fit_model(*fit_requests[0])
        else:
            fit_all_packed(fit_requests)
    assert epochs == ([1] if strategy == "alone" else [1, 1])


@pytest.mark.parametrize("during", [lost, turned])
@pytest.mark.parametrize("when", ["preparing", "training"])
def test_packed_runs_close_their_resources(tmp_path, monkeypatch, when, during):
    begun, ended = [], []

    @contextmanager
    def opened(i):
        begun.append(i)
        try:
            with prioritise_interrupts():
                if when == "preparing" and i == 1:
                    during()
                yield SimpleNamespace(request=fit_requests[i])
        finally:
            ended.append(i)

    def fitting(*arguments, **options):
        during()
        yield from ()

    configs = [compose(*small("transformer"), *TRAINER, f"seed={seed}") for seed in range(3)]
    fit_requests = requests(tmp_path, configs, [random_prepared(seed=seed) for seed in range(3)])
    monkeypatch.setattr(packed_fit, "fit_packed", fitting)
    with pytest.raises(Stopped):
        run_packed(configs, [lambda wait, i=i: opened(i) for i in range(3)], print)
    assert sorted(ended) == begun == ([0, 1] if when == "preparing" else [0, 1, 2])


@pytest.mark.parametrize("during", [lost, turned])
def test_a_run_of_a_study_stays_pending(tmp_path, monkeypatch, during):
    """What a library made of the signal is no failure of the run."""

    @contextmanager
    def opened(*arguments):
        during()
        yield None

    monkeypatch.setattr(jobs, "open_run", opened)
    config = compose(*SMALL_RIDGE, *paths(tmp_path))
    directory = resolve_run(config).directory
    name = directory.folder.name
    with pytest.raises(Stopped):
        Job(tmp_path, Group("test"), (name,), False).train(name, config)
    assert study_status(directory).state == "pending"


@pytest.mark.parametrize("during", [lost, turned])
def test_a_job_that_ends_on_a_signal_raises_its_exception(during):
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(144))
    with pytest.raises(Preempted) as left, preemptible(), prioritise_interrupts():
        if during is turned:
            with pytest.raises(Preempted):
                signal.raise_signal(signal.SIGTERM)
            raise UnboundLocalError("file")
        lost()
    assert left.value.code == 144


@pytest.mark.parametrize("during", [lost, turned])
@pytest.mark.parametrize("called", ["train.py", "sweep.py"])
def test_the_command_says_that_it_was_stopped(monkeypatch, capsys, called, during):
    monkeypatch.setattr(sys, "argv", [called, "model=ridge"])
    monkeypatch.setattr(command, "execute", during)
    monkeypatch.setattr(cli.hydra, "main", lambda **_: lambda _: during)
    with pytest.raises(SystemExit) as ended:
        (cli if called == "train.py" else command).main()
    assert ended.value.code == 128 + signal.SIGTERM
    printed = capsys.readouterr().err
    assert (
        "error: stopped by SIGTERM. Run the same command again to resume" in printed
        and "file" not in printed
    )


TWICE = """
import os, signal, threading, time
from g2p.core.interrupts import interruptible_call, stop_on_signals
stop_on_signals()  # as where a command ran in this process
for _ in range(2):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with interruptible_call():
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                time.sleep(5)
            finally:
                time.sleep(0.2)  # the watcher sees the signal while it is handled
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    time.sleep(0.8)
"""


def test_ctrl_c_of_a_later_call_is_no_second_one():
    """A second Ctrl-C ends a process that does not stop; each call has a first one."""
    done = subprocess.run(
        [sys.executable, "-c", TWICE], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["interrupted"] * 2), done.stderr
