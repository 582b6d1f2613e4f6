"""Runs pruned: asked for, locked, waited for, and killed at any moment."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from g2p.runs.directory import RunDirectory
from g2p.runs.index import stored_runs
from g2p.runs.prune import prune
from g2p.runs.status import STATES
from tests.helpers.command import ROOT, train
from tests.helpers.configs import SMALL
from tests.helpers.stored_runs import listing, metrics, six_runs, write_run


@pytest.fixture
def runs(tmp_path):
    return six_runs(tmp_path / "runs")


def test_a_run_in_training_is_listed_as_running_and_is_never_pruned(runs):
    lock = FileLock(runs / f"{5:016x}" / ".lock")
    with lock:  # a process of its own asks
        listed = listing("status=running", cwd=runs.parent)
        assert "1 run " in listed.stdout and "1 running" in listed.stdout
        done = listing("status=running,unfinished", "--prune", "--yes", cwd=runs.parent)
    assert done.returncode == 0
    busy = f"Not deleted, because a process is training them: {5:016x}."
    assert f"Deleted 0 runs. {busy}" in done.stdout
    assert (runs / f"{5:016x}" / "checkpoints" / "last.ckpt").exists()
    assert "1 killed" in listing("status=unfinished", cwd=runs.parent).stdout


@pytest.mark.slow
def test_pruning_asks_first(runs):
    refused = listing("model=ridge", "--prune", cwd=runs.parent, stdin=subprocess.DEVNULL)
    assert refused.returncode == 1 and "--yes confirms it" in refused.stderr
    assert (runs / f"{3:016x}").exists()
    for answer, remains in (("n", True), ("", True), ("y", False)):
        controller, terminal = pty.openpty()
        os.write(controller, f"{answer}\n".encode())
        done = listing("model=ridge", "--prune", cwd=runs.parent, stdin=terminal)
        os.close(controller), os.close(terminal)
        assert done.returncode == 0, done.stderr
        assert "Delete 1 run (0.0 MiB)? [y/N]" in done.stdout
        assert (runs / f"{3:016x}").exists() == remains
    sure = listing("model=stacked", "--prune", "--yes", cwd=runs.parent)
    assert sure.returncode == 0 and "Deleted 1 run." in sure.stdout
    assert {path.name[-1] for path in runs.iterdir()} == {"1", "2", "5", "6", "s", "t"}
    assert "0 runs in" in listing("model=stacked", "--prune", cwd=runs.parent).stdout


def test_what_is_no_run_is_never_pruned(runs, tmp_path):
    """Folders of such a name, a link to one, and what links within a run lead to."""
    thesis = runs / f"{0xABC:016x}" / "thesis.txt"
    locked = runs / f"{0xABD:016x}" / "thesis.txt"
    for file in (thesis, locked):
        file.parent.mkdir()
        file.write_text("precious")
    (locked.parent / ".lock").touch()
    # Names that a run uses, too, but neither a config nor checkpoints nor a lock of ours.
    drawn = runs / f"{0xAC1:016x}" / "figures" / "mine.png"
    drawn.parent.mkdir(parents=True)
    drawn.write_text("precious")
    (drawn.parents[1] / "metrics.json").write_text("precious")
    # A config and checkpoints of another tool.
    trained = runs / f"{0xAC2:016x}" / "checkpoints" / "mine.pt"
    trained.parent.mkdir(parents=True)
    trained.write_text("precious")
    (trained.parents[1] / "config.yaml").write_text("precious")
    elsewhere = write_run(tmp_path / "elsewhere", 0xABE)  # a run, but under another name
    (runs / f"{0xABE:016x}").symlink_to(elsewhere.folder)
    (runs / f"{0xABF:016x}").write_text("a file")
    precious = tmp_path / "precious"
    precious.mkdir()
    for name in ("last.ckpt", "notes.txt"):
        (precious / name).write_text("precious")
    linking, noted = runs / f"{1:016x}", runs / f"{2:016x}"
    shutil.rmtree(linking / "checkpoints")
    (linking / "checkpoints").symlink_to(precious)
    (linking / "figures").symlink_to(precious)
    (linking / "predictions.parquet").symlink_to(precious / "notes.txt")
    (noted / "notes.txt").write_text("of somebody")
    exported = noted / "checkpoints" / "exported.onnx"
    exported.write_text("precious")
    (runs / f"{0xAC0:016x}").mkdir()  # what a kill leaves of a run that is pruned
    done = listing("--prune", "--yes", cwd=runs.parent)
    assert done.returncode == 0, done.stderr
    assert "Deleted 7 runs." in done.stdout
    strangers = [thesis.parent, locked.parent, drawn.parents[1], trained.parents[1]]
    for name in (*(path.name for path in strangers), f"{0xABE:016x}", f"{0xABF:016x}"):
        assert name in done.stdout.partition("Not listed")[2]
    left = done.stdout.partition("Not deleted, because no run has such files: ")[2]
    assert str(noted / "notes.txt") in left and str(exported) in left
    files = (
        thesis, locked, drawn, drawn.parents[1] / "metrics.json", trained, exported,
        trained.parents[1] / "config.yaml", *precious.iterdir(),
    )  # fmt: skip
    assert {path.read_text() for path in files} == {"precious"}
    assert sorted(path.name for path in precious.iterdir()) == ["last.ckpt", "notes.txt"]
    assert {path.name for path in noted.iterdir()} == {"notes.txt", "checkpoints"}
    assert elsewhere.finished and (elsewhere.checkpoints / "last.ckpt").exists()
    assert not linking.exists() and (runs / f"{0xABF:016x}").read_text() == "a file"


def resumes_or_starts(directory: RunDirectory) -> bool:
    """What a run would trip over is a last.ckpt without a best.ckpt."""
    best, last = (directory.checkpoints / f"{name}.ckpt" for name in ("best", "last"))
    return best.exists() or not last.exists()


def test_killed_at_any_deletion_a_run_is_whole_or_one_to_train_anew(tmp_path, monkeypatch):
    """Every system call that deletes is the last one, in turn."""
    whole = write_run(tmp_path, 0)
    count = sum(1 for _ in whole.folder.rglob("*")) + 1
    for allowed in range(count):
        directory = write_run(tmp_path, 100 + allowed)
        (run,) = (r for r in stored_runs(tmp_path) if r.directory.folder == directory.folder)
        left = [allowed]

        def killing(real, left=left):
            def delete(*arguments, **more):
                if not left[0]:
                    raise KeyboardInterrupt
                left[0] -= 1
                return real(*arguments, **more)

            return delete

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            for name in ("unlink", "rmdir"):
                patch.setattr(os, name, killing(getattr(os, name)))
            prune(run)
        if directory.finished:
            assert allowed == 0
        else:
            assert resumes_or_starts(directory)
        (run,) = (r for r in stored_runs(tmp_path) if r.directory.folder == directory.folder)
        assert prune(run) == []
        assert not directory.folder.exists()


def test_a_run_that_was_finished_meanwhile_stays(runs):
    (run,) = (r for r in stored_runs(runs) if r.state == "killed")
    run.directory.write_metrics(metrics(run.signature))
    assert prune(run) is None and run.directory.finished


@pytest.mark.slow
def test_a_pruned_run_is_trained_again(tmp_path):
    first = train(*SMALL, "phenotype=cu", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    folder = Path(first.stdout.splitlines()[-1].removeprefix("run: "))
    listed = listing(cwd=tmp_path)
    r2 = json.loads((folder / "metrics.json").read_text())["test"]["r2_mean"]
    assert folder.name in listed.stdout and f"{r2:.3f}" in listed.stdout
    assert listing("model=transformer", "--prune", "--yes", cwd=tmp_path).returncode == 0
    assert not folder.exists()
    again = train(*SMALL, "phenotype=cu", cwd=tmp_path)
    assert again.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]
    assert json.loads((folder / "metrics.json").read_text())["test"]["r2_mean"] == r2


def test_a_process_that_waits_for_a_pruned_run_goes_on(runs):
    """It waits on a lock file that is deleted under it."""
    folder = runs / f"{5:016x}"
    code = (
        "import sys; from filelock import FileLock; print('waits', flush=True)\n"
        "with FileLock(sys.argv[1]): print('holds', flush=True); sys.stdin.read()"
    )
    (run,) = (r for r in stored_runs(runs) if r.directory.folder == folder)
    with FileLock(folder / ".lock"):
        waiting = subprocess.Popen(
            [sys.executable, "-c", code, str(folder / ".lock")], stdout=subprocess.PIPE,
            stdin=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert waiting.stdout.readline() == "waits\n"
        time.sleep(0.3)
        assert prune(run) is None
    assert waiting.stdout.readline() == "holds\n"
    assert prune(run) is None and (folder / "config.yaml").exists()
    waiting.communicate()
    assert prune(run) == []


@pytest.mark.slow
def test_a_signal_while_it_prunes(tmp_path):
    """SIGKILL at some moment: each run is whole, gone, or to be trained anew."""
    for number in range(150):
        write_run(tmp_path / "runs", number)
    command = [sys.executable, str(ROOT / "sweep.py"), "--runs", "--prune", "--yes"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    while len(list((tmp_path / "runs").iterdir())) > 140 and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = stored_runs(tmp_path / "runs")
    assert {run.state for run in left} <= {"done", "pending"} <= set(STATES)
    for run in left:
        whole = run.state == "done" and (run.directory.checkpoints / "best.ckpt").exists()
        assert whole or resumes_or_starts(run.directory)
    assert listing("--prune", "--yes", cwd=tmp_path).returncode == 0
    assert not list((tmp_path / "runs").iterdir())
