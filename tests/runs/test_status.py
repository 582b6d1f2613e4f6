"""The status of a run: written by real trainings that fail, are interrupted or are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from g2p.core import interrupts
from g2p.core.errors import G2PError
from g2p.runs.directory import RunDirectory
from g2p.runs.index import stored_runs
from g2p.runs.lock import locked
from g2p.runs.resolve import resolve_run
from g2p.runs.run import run
from g2p.runs.status import RunStatus, read_status, record_failure
from tests.helpers.command import ROOT, train
from tests.helpers.configs import SMALL_RIDGE, compose, paths
from tests.helpers.stored_runs import listing, write_run, write_status


def stored(folder: Path) -> dict:
    return json.loads((folder / "status.json").read_text())


def test_a_finished_run_is_done_whatever_its_status_says(tmp_path):
    folder = run(compose(*SMALL_RIDGE, *paths(tmp_path)))
    assert stored(folder)["state"] == "done" and "error" not in stored(folder)
    for content in ('{"state": "running", "at": ""}', "{", None):
        file = folder / "status.json"
        file.unlink() if content is None else file.write_text(content)
        assert read_status(RunDirectory(folder)) == RunStatus("done")
        assert [each.state for each in stored_runs(tmp_path / "runs")] == ["done"]


def test_a_failed_run_stays_with_its_error_and_is_trained_again(tmp_path, quick):
    config = quick("optim.lr=1e30")
    with pytest.raises(G2PError) as error:
        run(config)
    (failed,) = stored_runs(tmp_path / "runs")
    assert (failed.state, failed.error) == ("failed", str(error.value))
    assert failed.config["optim.lr"] == 1e30
    at = stored(failed.directory.folder)["at"]
    time.sleep(1.1)  # status.json has seconds
    with pytest.raises(G2PError):
        run(config)
    assert stored(failed.directory.folder)["at"] > at


@pytest.mark.parametrize("error", [SystemExit(3), MemoryError(), RuntimeError("odd")])
def test_the_message_of_whatever_a_training_raises(tmp_path, monkeypatch, error):
    config = compose(*SMALL_RIDGE, *paths(tmp_path))
    directory = resolve_run(config).directory

    def raise_error(*arguments) -> None:
        assert read_status(directory).state == "running"
        assert {"host", "pid"} <= stored(directory.folder).keys()
        raise error

    monkeypatch.setattr(RunDirectory, "write_predictions", raise_error)
    with pytest.raises(type(error)):
        run(config)
    status = read_status(directory)
    expected = {SystemExit: "sys.exit(3)", MemoryError: "not enough memory", RuntimeError: "odd"}
    assert status.state == "failed" and expected[type(error)] in status.error
    monkeypatch.undo()
    run(config)
    assert stored(directory.folder)["state"] == "done"


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), interrupts.Stopped(15), interrupts.Preempted(143)]
)
def test_an_interrupted_run_is_pending(tmp_path, monkeypatch, error):
    config = compose(*SMALL_RIDGE, *paths(tmp_path))
    directory = resolve_run(config).directory
    assert read_status(directory) == RunStatus("pending")  # it never began

    def raise_error(*arguments) -> None:
        raise error

    monkeypatch.setattr(RunDirectory, "write_predictions", raise_error)
    with pytest.raises(type(error)):
        run(config)
    assert read_status(directory) == RunStatus("pending")
    assert stored(directory.folder)["state"] == "pending"


def test_a_full_disk_does_not_hide_the_error(tmp_path, monkeypatch):
    """Neither results nor a status can be written: the error is raised, the run looks killed."""
    config = compose(*SMALL_RIDGE, *paths(tmp_path))
    directory = resolve_run(config).directory

    def full(*arguments) -> None:
        raise OSError(28, "No space left on device")

    def fill_disk(*arguments) -> None:
        monkeypatch.setattr("g2p.runs.status.write_json", full)
        raise RuntimeError("the first error")

    monkeypatch.setattr(RunDirectory, "write_predictions", fill_disk)
    with pytest.raises(RuntimeError, match="the first error"):
        run(config)
    assert read_status(directory).state == "killed"


def test_a_run_that_could_not_begin(tmp_path):
    config = compose(*SMALL_RIDGE, *paths(tmp_path))
    directory = resolve_run(config).directory
    record_failure(directory, config, G2PError("why"))
    assert read_status(directory) == RunStatus("failed", "why")
    assert directory.config() == config
    write_status(directory, "pending")
    with locked(directory, None, wait=False):  # another process trains it
        record_failure(directory, config, G2PError("too late"))
    assert read_status(directory) == RunStatus("pending")
    run(config)
    record_failure(directory, config, G2PError("too late"))
    assert stored(directory.folder)["state"] == "done"


def test_what_is_listed_of_each_status(tmp_path):
    """As the command prints it at 80 columns, sorted, with errors, as CSV, and pruned by state."""
    runs = tmp_path / "runs"
    for number, r2 in ((1, 0.5), (2, 0.75)):
        write_run(runs, number, r2=r2)
    for number, state, facts in (
        (3, "failed", {"error": "the loss became \x1b[31m[red]nan"}),
        (4, "running", {"host": "node7", "pid": 77}), (5, "pending", {}),
    ):  # fmt: skip
        write_status(write_run(runs, number, done=False), state, **facts)
    write_run(runs, 6).verify("metrics.json").write_text("{")
    done = listing("sort=r2", "--errors", "csv=runs.csv", cwd=tmp_path, columns=80)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    states = [line.split()[4] for line in lines[1:7]]
    assert states[:2] == ["done"] * 2 and "0.750" in lines[1] and "0.500" in lines[2]
    assert sorted(states[2:]) == ["damaged", "failed", "killed", "pending"]
    assert max(map(len, lines[:7])) <= 80
    assert f"{3:016x} failed: the loss became \\x1b[31m[red]nan" in lines
    (killed,) = (line for line in lines if line.startswith(f"{4:016x} killed: "))
    assert "process 77 on node7" in killed
    (damaged,) = (line for line in lines if line.startswith(f"{6:016x} damaged: "))
    assert "metrics.json is damaged (its checksum differs)" in damaged
    assert lines[-1].endswith("2 done, 1 pending, 1 failed, 1 killed, 1 damaged.")
    assert "the loss became" in (tmp_path / "runs.csv").read_text()
    assert "the loss became" not in listing(cwd=tmp_path).stdout
    for state, left in (("failed", 5), ("unfinished", 3), ("damaged", 2)):
        pruned = listing(f"status={state}", "--prune", "--yes", cwd=tmp_path)
        assert pruned.returncode == 0, pruned.stderr
        assert len(list(runs.iterdir())) == left


@pytest.mark.slow
def test_a_process_that_is_killed_in_mid_training(tmp_path):
    """SIGKILL: the run is killed, not failed, and the same command ends it."""
    overrides = (
        "model=transformer", "data.strains=300", "data.loci=24", "phenotype=cu", "logger=none",
        "model.embedding_dim=16", "model.ffn_dim=32", "trainer.max_epochs=100",
        "trainer.patience=null", "trainer=cpu",
    )  # fmt: skip
    command = [sys.executable, str(ROOT / "train.py"), *overrides]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, env=dict(os.environ)
    )
    try:
        while not list(tmp_path.glob("runs/*/checkpoints/last.ckpt")):
            assert process.poll() is None
            time.sleep(0.05)
        (training,) = stored_runs(tmp_path / "runs")
        assert training.state == "running"
        assert stored(training.directory.folder)["pid"] == process.pid
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (killed,) = stored_runs(tmp_path / "runs")
    assert killed.state == "killed" and str(process.pid) in killed.error
    assert train(*overrides, cwd=tmp_path).returncode == 0
    assert [each.state for each in stored_runs(tmp_path / "runs")] == ["done"]
