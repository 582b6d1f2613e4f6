"""Runs listed, found and pruned: real ones, and what kills, locks and damage leave."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.compose import composed
from g2p.errors import UserError
from g2p.results.record import Record
from g2p.study import stored
from g2p.study.filters import filter_of
from g2p.study.prune import prune
from g2p.study.stored import STATES, stored_runs
from tests.conftest import ROOT, SMALL, train

PHENOTYPES = ("30C", "cu")


def written(
    folder: Path, number: int, *words: str, done=True, names=PHENOTYPES, r2=0.5
) -> Record:  # fmt: skip
    """A run's directory as training leaves it, without the training."""
    record = Record(folder / f"{number:016x}")
    record.write_config(composed(words, of_many=True))
    (record.folder / ".lock").touch()
    record.checkpoints.mkdir()
    for name in ("best.ckpt", "last.ckpt"):
        (record.checkpoints / name).write_bytes(b"x" * 1000)
    record.write_history([{"epoch": i, "train_loss": 1.0} for i in range(3)])
    if done:
        scores = {"r2": dict.fromkeys(names, r2), "r2_mean": r2}
        record.write_metrics({"test": scores, "val": scores, "epochs": 7})
    return record


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    written(folder, 1, "model.num_layers=1", "optim.lr=1e-3", "phenotype=YPD", names=["30C"])
    written(folder, 2, "model.num_layers=2", "optim.lr=1e-4", "seed=1", "phenotype=[30C,cu]")
    written(folder, 3, "model=ridge", "qc=strict", "phenotype=all", "data.strains=500")
    written(
        folder,
        4,
        "model=stacked",
        "trainer=cpu",
        "model.lasso.folds=3",
        "phenotype=cu",
        names=["cu"],
    )
    written(folder, 5, "model.num_layers=2", "trainer=cpu", "phenotype=all", done=False)
    damaged = written(folder, 6)
    (damaged.folder / "metrics.json").write_text('{"test": ')
    (folder / "seeds").mkdir()  # somebody else's
    (folder / "notes.txt").touch()
    return folder


def sweep(*words: str, cwd: Path, **more) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(ROOT / "sweep.py"), "--runs", *words], cwd=cwd, text=True,
        capture_output=True, timeout=120, check=False, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [1, 2, 3, 4, 5, 6]),
        (["model=transformer"], [1, 2, 5, 6]),
        (["model=ridge,stacked"], [3, 4]),
        (["model.num_layers=1,2", "model=transformer"], [1, 2, 5, 6]),
        (["model.num_layers=2", "status=done"], [2]),
        (["model.num_layers=range(1,2)"], [1]),
        (["optim.lr=0.0001"], [2]),
        (["optim.lr=interval(1e-5,5e-4)"], [2]),
        (["model.skip=1"], []),  # it is true, not 1
        (["model.skip=true"], [1, 2, 5, 6]),
        (["phenotype=30C"], [1, 2, 3]),
        (["phenotype=YPD"], [1, 2, 3]),
        (["phenotype=[30C,cu]"], [2, 3]),
        (["phenotype=cu,30C"], [1, 2, 3, 4]),
        (["phenotype=all"], [3, 5]),
        (["phenotype=nosuch"], []),
        (["seed=1"], [2]),
        (["qc=strict"], [3]),
        (["qc=standard", "model=ridge"], []),
        (["trainer=cpu"], [4, 5]),
        (["model.lasso.folds=3"], [4]),
        (["data.strains=500"], [3]),
        (["data=byxrm"], []),
        (["status=unfinished,damaged"], [5, 6]),
        (["trainer.patience=null"], []),
    ],
)
def test_what_a_word_finds(runs, words, expected):
    # The damaged run's config is whole; so is what it is found by.
    fits = [filter_of(word) for word in words]
    found = [run for run in stored_runs(runs) if all(fit(run) for fit in fits)]
    assert sorted(int(run.signature, 16) for run in found) == expected


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("modl=ridge", "modl is no key that a run has. Did you mean 'model'?"),
        ("model.num_layer=1", "Did you mean 'model.num_layers'? Allowed: model.name, model"),
        ("model=rige", "model=rige does not exist. Did you mean 'ridge'?"),
        ("status=dome", "status=dome does not exist. Did you mean 'done'? status is one of done"),
        ("ridge", "ridge is no filter"),
        ("+model=ridge", "is no filter"),
        ("paths.data=here", "paths.data is no key that a run has"),
    ],
)
def test_a_word_that_finds_nothing_anywhere_is_refused(word, said):
    with pytest.raises(UserError) as error:
        filter_of(word)
    assert said in str(error.value)


def test_the_list_has_a_column_for_what_differs(runs):
    done = sweep("model=transformer", "status=done", cwd=runs.parent)
    assert done.returncode == 0, done.stderr
    head, *rows, count = done.stdout.splitlines()
    assert head.split() == [
        "signature", "model", "phenotype", "seed", "model.num_layers", "optim.lr", "status", "test",
        "R2", "epochs", "when",
    ]  # fmt: skip
    first, second = (row.split() for row in rows)
    assert first[:9] == [
        "0" * 15 + "1",
        "transformer",
        "YPD",
        "0",
        "1",
        "0.001",
        "done",
        "0.500",
        "7",
    ]
    assert second[1:7] == ["transformer", "[30C,cu]", "1", "2", "0.0001", "done"]
    assert count == f"2 runs in {runs}: 2 done."
    other = sweep("paths.runs=nowhere", cwd=runs.parent)
    assert other.returncode == 1 and "nowhere does not exist" in other.stderr


def test_a_run_under_way_is_said_to_be_and_is_never_pruned(runs):
    lock = FileLock(runs / f"{5:016x}" / ".lock")
    with lock:  # a process of its own asks
        listed = sweep("status=running", cwd=runs.parent)
        assert "1 runs" in listed.stdout and "1 running" in listed.stdout
        done = sweep("status=running,unfinished", "--prune", "--yes", cwd=runs.parent)
    assert done.returncode == 0
    assert f"Deleted 0 runs. Kept, because a process is at it: {5:016x}." in done.stdout
    assert (runs / f"{5:016x}" / "checkpoints" / "last.ckpt").exists()
    assert "1 unfinished" in sweep("status=unfinished", cwd=runs.parent).stdout


def test_pruning_asks_first(runs):
    refused = sweep("model=ridge", "--prune", cwd=runs.parent, stdin=subprocess.DEVNULL)
    assert refused.returncode == 1 and "--yes says that they may" in refused.stderr
    assert (runs / f"{3:016x}").exists()
    for answer, remains in (("n", True), ("", True), ("y", False)):
        controller, terminal = pty.openpty()
        os.write(controller, f"{answer}\n".encode())
        done = sweep("model=ridge", "--prune", cwd=runs.parent, stdin=terminal)
        os.close(controller), os.close(terminal)
        assert done.returncode == 0, done.stderr
        assert "Delete these 1 runs (0.0 MiB)? [y/N]" in done.stdout
        assert (runs / f"{3:016x}").exists() == remains
    sure = sweep("model=stacked", "--prune", "--yes", cwd=runs.parent)
    assert sure.returncode == 0 and "Deleted 1 runs." in sure.stdout
    assert {path.name[-1] for path in runs.iterdir()} == {"1", "2", "5", "6", "s", "t"}
    assert "0 runs in" in sweep("model=stacked", "--prune", cwd=runs.parent).stdout


def resumes_or_starts(record: Record) -> bool:
    """What a run would trip over is a last.ckpt without a best.ckpt."""
    best, last = (record.checkpoints / f"{name}.ckpt" for name in ("best", "last"))
    return best.exists() or not last.exists()


def test_killed_at_any_deletion_a_run_is_whole_or_one_to_train_anew(tmp_path, monkeypatch):
    """Every system call that deletes is the last one, in turn."""
    whole = written(tmp_path, 0)
    count = sum(1 for _ in whole.folder.rglob("*")) + 1
    for allowed in range(count):
        record = written(tmp_path, 100 + allowed)
        (run,) = (r for r in stored_runs(tmp_path) if r.record.folder == record.folder)
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
        if record.finished:
            assert allowed == 0
        else:
            assert resumes_or_starts(record)
        assert prune(next(r for r in stored_runs(tmp_path) if r.record.folder == record.folder))
        assert not record.folder.exists()


def test_a_run_that_was_finished_meanwhile_stays(runs):
    (run,) = (r for r in stored_runs(runs) if r.state == "unfinished")
    run.record.write_metrics({"test": {}})
    assert not prune(run) and run.record.finished


def test_a_pruned_run_is_trained_again(tmp_path):
    first = train(*SMALL, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    folder = Path(first.stdout.splitlines()[-1].removeprefix("run: "))
    listed = sweep(cwd=tmp_path)
    r2 = json.loads((folder / "metrics.json").read_text())["test"]["r2_mean"]
    assert folder.name in listed.stdout and f"{r2:.3f}" in listed.stdout
    assert sweep("model=transformer", "--prune", "--yes", cwd=tmp_path).returncode == 0
    assert not folder.exists()
    again = train(*SMALL, cwd=tmp_path)
    assert again.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]
    assert json.loads((folder / "metrics.json").read_text())["test"]["r2_mean"] == r2


def test_a_process_that_waits_for_a_pruned_run_goes_on(runs):
    """It waits on a lock file that is deleted under it."""
    folder = runs / f"{5:016x}"
    code = (
        "import sys; from filelock import FileLock; print('waits', flush=True)\n"
        "with FileLock(sys.argv[1]): print('holds', flush=True); sys.stdin.read()"
    )
    (run,) = (r for r in stored_runs(runs) if r.record.folder == folder)
    with FileLock(folder / ".lock"):
        waiting = subprocess.Popen(
            [sys.executable, "-c", code, str(folder / ".lock")], stdout=subprocess.PIPE,
            stdin=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert waiting.stdout.readline() == "waits\n"
        time.sleep(0.3)
        assert not prune(run)
    assert waiting.stdout.readline() == "holds\n"
    assert not prune(run) and (folder / "config.yaml").exists()
    waiting.communicate()
    assert prune(run)


values = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)
)


@settings(deadline=None, max_examples=80)
@given(st.dictionaries(
    st.sampled_from(["data", "model", "phenotype", "seed", "paths"]),
    values | st.lists(values, max_size=3) | st.dictionaries(
        st.text("abc", min_size=1, max_size=3), values | st.lists(values, max_size=2), max_size=3),
    max_size=5,
))  # fmt: skip
def test_a_config_read_section_by_section_is_the_config(config):
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    assert stored._flat_config(text) == stored._flat(yaml.safe_load(text) or {})


def test_values_that_are_shared_between_sections_are_read(tmp_path):
    shared = [1, 2]
    text = yaml.safe_dump({"data": {"a": shared}, "model": {"b": shared}}, sort_keys=False)
    assert "*id001" in text
    assert stored._flat_config(text) == {"data.a": shared, "model.b": shared}


def test_a_signal_while_it_prunes(tmp_path):
    """SIGKILL at some moment: each run is whole, gone, or to be trained anew."""
    for number in range(150):
        written(tmp_path / "runs", number)
    command = [sys.executable, str(ROOT / "sweep.py"), "--runs", "--prune", "--yes"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    while len(list((tmp_path / "runs").iterdir())) > 140 and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = stored_runs(tmp_path / "runs")
    assert {run.state for run in left} <= {"done", "unfinished"} <= set(STATES)
    for run in left:
        whole = run.state == "done" and (run.record.checkpoints / "best.ckpt").exists()
        assert whole or resumes_or_starts(run.record)
    assert sweep("--prune", "--yes", cwd=tmp_path).returncode == 0
    assert not list((tmp_path / "runs").iterdir())
