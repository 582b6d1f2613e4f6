"""The command line as a user meets it: messages, exit codes, and recovery from kills."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.helpers.command import ROOT, train
from tests.helpers.configs import SMALL, SMALL_RIDGE, but, paths

START = [sys.executable, str(ROOT / "train.py")]


def run_directories(done) -> list[Path]:
    lines = done.stdout.splitlines()
    return [Path(line.removeprefix("run: ")) for line in lines if line.startswith("run: ")]


def test_help_reads_well(tmp_path):
    done = train("--help", cwd=tmp_path)
    assert done.returncode == 0
    for text in (
        "rijal_multienv, rkhs, rung, stacked, transformer",
        "phenotype: all",
        "optim:",
    ):
        assert text in done.stdout
    assert done.stdout.count("\n  python train.py") == 3
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--cfg", "job"], ["modl=ridge"], [*SMALL_RIDGE]]
)
def test_what_needs_no_torch_does_not_wait_for_it(tmp_path, arguments):
    code = (
        "import sys, runpy, atexit; sys.argv = sys.argv[1:];"
        "atexit.register(lambda: print('torch' in sys.modules, 'sklearn' in sys.modules));"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", code, str(ROOT / "train.py"), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "False False"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["modl=ridge"], "modl is not an option. Did you mean 'model'?"),
        (["model=rige"], "model=rige does not exist. Did you mean 'ridge'?"),
        (["+unknown=1"], "unknown is not an option"),
        (["model.num_layer=3"], "Did you mean 'model.num_layers'?"),
        (["--cfg", "job", "model.num_layer=3"], "Did you mean 'model.num_layers'?"),
        (["model.num_heads=5"], "does not divide"),
        (["phenotype=23C,25C"], "phenotype=23C,25C is several values: add -m"),
        (["-m", "model.num_heads=1,2,5"], "model.num_heads=5 does not divide"),
        (["-m", "model=ridge,transformer", "optim.lr=0.1"], "optim.lr has no effect"),
        (["model=[a"], "no viable alternative"),
        (["phenotype=höhe"], "Quote a value with other characters: 'key=\"value\"'."),
        (["model=ridge", "-m", "data.seed=range(3,0)"], "range(3,0) has no values"),
        (["hydra.nothing=1"], "hydra.nothing"),
        (["hydra/launcher=nosuch"], "nosuch"),
        (["model=[ridge,transformer]"], "does not exist"),
        (["trainer={}"], "does not exist"),
        (["data=null"], "does not exist"),
        (["model=5"], "model=5 does not exist"),
        (["~paths"], "paths must hold data, cache, runs"),
        (["paths=null"], "paths must hold data, cache, runs"),
        (["--resolve"], "Hydra: "),
        (["-cn", "foo"], "foo"),
        (["model=ridge", "trainer.devices=7"], "trainer.devices has no effect"),
        (["data=byxrm", "paths.data=nowhere"], "nowhere/byxrm/BYxRM_GenoData.txt"),
    ],
)
def test_a_users_error_is_one_message(tmp_path, arguments, message):
    done = train(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.rglob("*.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [*a]", "mine.yaml, line 1: this collection contains itself"),
        ("a: {b", "mine.yaml cannot be read: while parsing"),
        ("a: '\0'", "mine.yaml cannot be read: unacceptable character"),
        ("name: x\nname: y", "a YAML file cannot be read: while constructing a mapping"),
        ("a: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("defaults: [mine]", "a config refers to itself"),
    ],
)
def test_a_users_file_that_is_no_config(tmp_path, text, message):
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(text)
    done = train("--config-dir", "conf", "model=mine", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and message in done.stderr
    assert done.stderr.count("\n") == 1 and not done.stdout


@pytest.mark.slow
def test_a_broken_file_of_a_user_blocks_only_the_commands_that_read_it(tmp_path):
    """By choice, by a defaults list, or in place of a file that every command reads."""
    files = {
        "model/broken": "a: {b",
        "model/bomb": "a: &a [*a]",
        "model/wide": "defaults: [broken, _self_]\nname: ridge",
        "model/mine": "defaults: [/model/ridge@_here_]",
        "optim/far": "defaults: [{override /model@model: bomb}]\nname: adam",
    }
    for name, text in files.items():
        file = tmp_path / "conf" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    user = ("--config-dir", "conf", *but(SMALL_RIDGE, "model=mine"), "phenotype=cu")
    done = train(*user, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert train(*user, "--help", cwd=tmp_path).returncode == 0
    for override, file in (
        ("model=broken", "broken"), ("model=wide", "broken"), ("optim=far", "bomb"),
        ("model=bomb", "bomb"),
    ):  # fmt: skip
        for further in ([], ["--help"]):
            done = train(*but(user, override), *further, cwd=tmp_path)
            assert done.returncode == 1 and f"{file}.yaml" in done.stderr
            assert done.stderr.count("\n") == 1
    (tmp_path / "conf/qc").mkdir()
    (tmp_path / "conf/qc/standard.yaml").write_text("a: {b")  # which config.yaml names
    assert "standard.yaml cannot be read" in train(*user, cwd=tmp_path).stderr
    assert train(*user, "qc=strict", cwd=tmp_path).returncode == 0
    (tmp_path / "conf/config.yaml").write_text("a: {b")
    assert "config.yaml cannot be read" in train(*user, "qc=strict", cwd=tmp_path).stderr


def test_a_multirun_trains_each_combination(tmp_path):
    done = train(
        "-m",
        *but(SMALL, "model.num_layers=1,2", "phenotype=23C,YPD", "trainer.max_epochs=1"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    runs = run_directories(done)
    assert len(set(runs)) == 4
    assert all((run / "metrics.json").exists() for run in runs)
    assert {run.parent for run in runs} == {tmp_path / "runs"}


def test_a_failing_job_does_not_affect_the_others(tmp_path):
    done = train("-m", *SMALL_RIDGE, "phenotype=23C,nosuch,cu", cwd=tmp_path)
    assert done.returncode == 1
    assert len(run_directories(done)) == 2
    assert done.stderr.count("no phenotype 'nosuch'") == 1
    assert "Traceback" not in done.stderr


def numbers(folder: Path) -> dict:
    metrics = json.loads((folder / "metrics.json").read_text())
    return {**metrics, "seconds": None}


LONG = but(SMALL, "trainer.max_epochs=25", "trainer.patience=null", "model.dropout=0.1")


def killed_runs(tmp_path, rng) -> int:
    """Start the run and kill it five times; return how often it had saved an epoch by then."""

    def last_saved() -> int:
        files = tmp_path.glob("runs/*/checkpoints/last.ckpt")
        return max((file.stat().st_mtime_ns for file in files), default=0)

    hit = 0
    for number in range(5):
        before = last_saved()
        process = subprocess.Popen(
            [*START, *LONG], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if number % 2:  # also while it imports
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=rng.uniform(0, 6))
        else:
            while process.poll() is None and last_saved() == before:
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.2))
        process.kill()
        hit += process.wait() == -signal.SIGKILL and last_saved() > before
    return hit


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_numbers(tmp_path):
    (tmp_path / "whole").mkdir()
    whole = train(*LONG, cwd=tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    (tmp_path / "parts").mkdir()
    seed = int(os.environ.get("KILL_SEED", time.time_ns() % 100_000))
    print(f"KILL_SEED={seed}")
    assert killed_runs(tmp_path / "parts", random.Random(seed)) > 0
    last = train(*LONG, cwd=tmp_path / "parts")
    assert last.returncode == 0, last.stderr
    (folder,) = run_directories(last)
    assert numbers(folder) == numbers(run_directories(whole)[0])
    ended = pq.read_table(folder / "history.parquet")["ended"].to_pylist()
    assert len(ended) == 25
    assert ended == sorted(ended)
    assert not list(folder.rglob("*.draft"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_stops(tmp_path, number):
    process = subprocess.Popen(
        [*START, *but(LONG, "trainer.max_epochs=5000")],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list((tmp_path / "runs").glob("*/history.parquet")) and process.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert f"stopped by {signal.Signals(number).name}" in err
    assert "Traceback" not in err
    (folder,) = (tmp_path / "runs").iterdir()
    done = pq.read_table(folder / "history.parquet").num_rows
    assert done > 0
    assert not list(folder.rglob("*.draft"))


@pytest.mark.slow
def test_a_signal_ends_every_process_of_a_run(tmp_path):
    """Several processes share the batches; none trains on after the lock is gone."""
    process = subprocess.Popen(
        [*START, *but(LONG, "trainer=ddp", "trainer.max_epochs=5000")],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list((tmp_path / "runs").glob("*/history.parquet")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, err
    (history,) = (tmp_path / "runs").glob("*/history.parquet")
    epochs = pq.read_table(history).num_rows
    time.sleep(2)
    assert pq.read_table(history).num_rows == epochs


def test_a_full_disk_is_reported_and_loses_nothing(tmp_path):
    """A real one: a tmpfs too small for the checkpoints, then made larger."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a tmpfs")
    try:
        arguments = but(SMALL, f"paths.runs={disk}", "model.embedding_dim=64")
        done = train(*arguments, cwd=tmp_path)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert str(disk) in done.stderr
        assert "Traceback" not in done.stderr
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        done = train(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_run_continues_when_nobody_reads_its_output(tmp_path):
    """As with `| head -1`: the reader is gone after a line, or before the first."""
    overrides = ["-m", *SMALL_RIDGE, *paths(tmp_path), "phenotype=23C,cu"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *overrides], cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=120) == 0
    assert len(list((tmp_path / "runs").glob("*/metrics.json"))) == 2
