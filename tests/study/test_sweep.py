"""Studies finish, whatever fails or is killed on the way; their table says what happened."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from g2p.runs.directory import RunDirectory
from g2p.runs.lock import try_lock
from g2p.runs.resolve import resolve_run
from g2p.runs.status import RunStatus, read_status
from g2p.study import job as jobs
from g2p.study.job import Job
from g2p.study.ledger import Ledger, study_status
from g2p.tracking.group import Group
from tests.helpers.command import ROOT, call, started
from tests.helpers.configs import SMALL_RIDGE, compose, paths
from tests.helpers.stored_runs import write_run, write_status

QUIET = ("logger=none",)


def sweep(*overrides: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    return call("sweep.py", *overrides, *QUIET, cwd=cwd, **environment)


def results(folder) -> list[dict]:
    (file,) = folder.glob("studies/*/results.parquet")
    free = ("seconds", "peak_memory", "energy", "versions", "ended")
    return [
        {k: v for k, v in row.items() if k not in free} for row in pq.read_table(file).to_pylist()
    ]


@pytest.mark.slow
def test_a_smoke_study_ends_in_a_table_and_a_report(tmp_path):
    done = sweep("study=multienv", "size=smoke", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"study: {tmp_path / 'studies' / 'multienv-smoke'}"
    rows = results(tmp_path)
    # Each alone: one run a phenotype; all together: one run of all 18 on val and on test.
    assert len(rows) == (2 + 18) * 2
    assert {row["status"] for row in rows} == {"done"}
    assert {row["model"] for row in rows} == {"each alone", "all together"}
    for row in rows:
        metrics = json.loads((tmp_path / "runs" / row["signature"] / "metrics.json").read_text())
        assert row["r2"] == metrics[row["split"]]["r2"][row["phenotype"]]
        assert row["seed"] == 0
    report = tmp_path / "studies" / "multienv-smoke" / "report.html"
    assert report.stat().st_size > 10_000
    made = {path: path.stat().st_mtime_ns for path in report.parent.glob("*.*")}

    def shown(called) -> str:
        return called.stdout.partition("change in test R2")[2].partition("report:")[0]

    trained = {p: p.stat().st_mtime_ns for p in tmp_path.glob("runs/*/metrics.json")}
    again = sweep("study=multienv", "size=smoke", cwd=tmp_path)
    assert again.returncode == 0 and "3 done" in again.stdout
    # Nothing has changed, so nothing is made again; what is printed is the same.
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert shown(again) == shown(done)
    report.write_text("")  # by something else: the note of what was published is still there
    values = report.parent / "figures" / "r2_by_phenotype.csv"
    drawn = values.read_text()
    values.write_text(drawn.replace("0.", "0.1"))
    (report.parent / ".report.html.x.draft").write_text("what a kill leaves")
    assert sweep("study=multienv", "size=smoke", "--collect", cwd=tmp_path).returncode == 0
    assert report.stat().st_size > 10_000 and not list(report.parent.glob(".*.draft"))
    assert values.read_text() == drawn
    assert trained == {p: p.stat().st_mtime_ns for p in tmp_path.glob("runs/*/metrics.json")}
    # What takes seconds to import is not waited for where there is nothing to do.
    code = f"""if True:
        import sys
        sys.path.insert(0, {str(ROOT)!r})
        from g2p.core.console import Console
        from g2p.cli.sweep import execute
        overrides = ["study=multienv", "size=smoke", *{QUIET}, "--collect"]
        assert execute(overrides, Console(quiet=True))
        print([name for name in ("torch", "sklearn", "scipy", "matplotlib") if name in sys.modules])
    """
    idle = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert idle.stdout.splitlines()[-1] == "[]"
    assert "held results" not in again.stdout
    warned = sweep("study=multienv", "size=smoke", "--collect", "seed=1", cwd=tmp_path)
    assert "held results of 3 finished runs that this command does not have" in warned.stdout


def test_a_plan_for_a_gpu_that_is_elsewhere(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    overrides = ("study=layers", "size=smoke", "trainer.accelerator=cuda")
    planned = sweep(*overrides, "--dry-run", cwd=tmp_path)
    assert planned.returncode == 0 and "Time: unknown" in planned.stdout
    begun = sweep(*overrides, cwd=tmp_path)
    assert begun.returncode == 1 and begun.stderr.count("error:") == 1
    assert "torch sees no CUDA device here" in begun.stderr


@pytest.mark.parametrize("columns", [80, 200])
def test_a_plan_fits_the_terminal_and_breaks_no_name(tmp_path, columns):
    planned = sweep(
        "study=opponents", "size=smoke", "--dry-run", cwd=tmp_path, COLUMNS=str(columns)
    )
    lines = [line for line in planned.stdout.splitlines() if line.startswith(("│", "┃"))]
    assert planned.returncode == 0 and max(map(len, lines)) <= columns
    assert sum("transformer" in line for line in lines) == 2 * 3  # panels, folds
    assert ("model, panel" in lines[0]) == (columns == 80) and "minutes" in lines[0]


@pytest.mark.slow
def test_a_run_of_train_py_is_not_trained_again(tmp_path):
    overrides = [
        "data.strains=300",
        "data.loci=24",
        "phenotype=[23C,cu,mann]",
        "model=ridge",
        *QUIET,
    ]
    assert started("train.py", *overrides, cwd=tmp_path).returncode == 0  # hashes of its own
    planned = sweep("study=baselines", "size=smoke", "--dry-run", cwd=tmp_path)
    assert "3 pending, 1 done" in planned.stdout
    assert not (tmp_path / "studies").exists()


@pytest.mark.slow
def test_a_failing_run_does_not_affect_the_others(tmp_path):
    """An absurd learning rate makes the networks fail; the others of the study are trained."""
    overrides = ("study=fig3", "size=smoke", "optim.lr=1e30")
    done = sweep(*overrides, cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    rows = results(tmp_path)
    failed = [row for row in rows if row["status"] == "failed"]
    assert {row["model"] for row in failed} == {"rijal"}
    assert not re.search(r"^\s*#\d", done.stdout, re.MULTILINE)  # Hydra's own lines
    assert all("the loss became" in row["error"] and row["r2"] is None for row in failed)
    assert len([row for row in rows if row["status"] == "done"]) == 2 * 3 * 2
    before = (tmp_path / "studies" / "fig3-smoke" / "ledger.jsonl").stat().st_size
    again = sweep(*overrides, cwd=tmp_path)
    assert again.returncode == 1
    assert (tmp_path / "studies" / "fig3-smoke" / "ledger.jsonl").stat().st_size == before
    retried = sweep(*overrides, "--retry-failed", cwd=tmp_path)
    assert retried.returncode == 1
    lines = [line for line in retried.stdout.splitlines() if ": failed: " in line]
    assert [line.split()[0] for line in lines] == ["7/9", "8/9", "9/9"]
    assert (tmp_path / "studies" / "fig3-smoke" / "ledger.jsonl").stat().st_size > before


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SystemExit(3), "called sys.exit(3)"),
        (RuntimeError("odd"), "odd"),
        (MemoryError(), "memory"),
    ],
)
def test_whatever_a_run_raises_becomes_its_status(tmp_path, monkeypatch, error, message):
    def raising(*arguments):
        raise error

    monkeypatch.setattr(jobs, "open_run", raising)
    config = compose(*SMALL_RIDGE, *paths(tmp_path))
    directory = resolve_run(config).directory
    signature = directory.folder.name
    Job(tmp_path, Group("test"), (signature,), False).train(signature, config)
    status = study_status(directory)
    assert status.state == "failed" and message in status.error
    assert directory.config() == config  # so that it can be found by what it is


def test_the_ledger_survives_a_line_cut_short(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write("a", "begun")
    ledger.write("b", "ended")
    whole = ledger.file.read_bytes()
    for cut in range(len(whole)):
        ledger.file.write_bytes(whole[:cut])
        ledger.write("c", "begun")
        assert {"c"} <= ledger.signatures() <= {"a", "b", "c"}


def test_a_killed_run_is_pending_in_its_study(tmp_path):
    directory = write_run(tmp_path, 1, done=False)
    assert study_status(RunDirectory(tmp_path / "none")).state == "pending"
    write_status(directory, "running", host="here", pid=77)
    with try_lock(directory.lock) as is_free:  # as a process that trains it
        assert is_free and study_status(directory).state == "running"
    assert study_status(directory).state == "pending"
    write_status(directory, "failed", error="why")
    assert study_status(directory) == RunStatus("failed", "why")
    (directory.folder / "status.json").write_text("{")
    assert study_status(directory).state == "pending"


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_the_same_table(tmp_path):
    """SIGKILL at random moments, then to the end: the table of the undisturbed study."""
    overrides = ("study=layers", "size=smoke")
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    undisturbed.mkdir(), killed.mkdir()
    assert sweep(*overrides, cwd=undisturbed).returncode == 0
    seed = random.randrange(10**6)
    print(f"random.seed({seed})")
    moments = random.Random(seed)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "sweep.py"), *overrides, *QUIET], cwd=killed,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ),
        )  # fmt: skip
        time.sleep(moments.uniform(4, 12))
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = sweep(*overrides, cwd=killed)
    assert done.returncode == 0, done.stderr
    assert results(killed) == results(undisturbed)


@pytest.mark.slow
def test_a_signal_leaves_everything_resumable(tmp_path):
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "sweep.py"), "study=factorial", "size=smoke", *QUIET],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list(tmp_path.glob("runs/*/metrics.json")) and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    message = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert (
        "Run the same command again to resume where it stopped" in message
        and "Traceback" not in message
    )
    directories = [RunDirectory(folder) for folder in (tmp_path / "runs").iterdir()]
    assert {read_status(each).state for each in directories} <= {"done", "pending"}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["size=smoke"], "study=NAME is missing"),
        (["study=lader"], "Did you mean 'ladder'"),
        (["study=ladder", "size=tiny"], "full, laptop, smoke"),
        (["study=ladder", "seeds=0,a"], "seeds=0,a must be whole numbers"),
        (["study=ladder", "seeds=0,0"], "seeds=0,0 has a seed twice"),
        (["study=ladder", "tables=a"], "there is no file a"),
        (["study=ladder", "--collect", "tables=a"], "there is no file a"),
        (["study=ladder", "size=smoke", "--dryrun"], "Did you mean '--dry-run'"),
        (["study=ladder", "size=smoke", "model.layers=2"], "model.layers is not an option"),
        (["study=baselines", "size=smoke", "force=true"], "force=true is for python train.py"),
        (["study=layers", "size=smoke", "model.num_layers=1,2"], "model.num_layers=1,2 is several"),
    ],
)
def test_a_users_error_is_one_message(tmp_path, overrides, message):
    done = sweep(*overrides, cwd=tmp_path)
    assert done.returncode == 1 and message in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "studies").exists()


@pytest.mark.slow
def test_a_launcher_that_starts_processes(tmp_path):
    overrides = (
        "study=canonical",
        "size=smoke",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
    )
    done = sweep(*overrides, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {row["status"] for row in results(tmp_path)} == {"done"}


@pytest.mark.slow
def test_two_sweeps_at_once_share_the_work(tmp_path):
    """From both ends; where they meet, one of them waits for the other's run."""
    command = [sys.executable, str(ROOT / "sweep.py"), "study=layers", "size=smoke", *QUIET]
    both = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    lines = (tmp_path / "studies" / "layers-smoke" / "ledger.jsonl").read_text().split("\n")
    begun = [entry["signature"] for entry in map(json.loads, filter(None, lines))
             if entry["event"] == "begun"]  # fmt: skip
    assert len(set(begun)) == 12 and len(begun) <= 14
