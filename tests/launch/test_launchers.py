"""Launchers with real processes: a job that fails or is killed does not affect the others."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from g2p.core import interrupts
from g2p.core.interrupts import Preempted
from g2p.launch.preemption import preemptible
from g2p.launch.prepare import MODULES
from g2p.runs.directory import RunDirectory
from g2p.runs.resolve import resolve_run
from g2p.study import job as study_job
from g2p.study.job import Job
from g2p.study.ledger import study_status
from g2p.tracking.group import Group
from tests.helpers.command import ROOT
from tests.helpers.configs import SMALL, SMALL_RIDGE, compose, paths
from tests.helpers.launchers import (
    ONE_SLURM,
    SLURM,
    environment,
    error_lines,
    run_command,
    start_command,
    statuses,
)

TRAIN, SWEEP = str(ROOT / "train.py"), str(ROOT / "sweep.py")


@pytest.fixture(
    params=[
        *(name for name in MODULES if name not in ("packed", "submitit_slurm")),
        pytest.param("submitit_slurm", marks=ONE_SLURM),
    ]
)
def launcher(request) -> tuple[str, ...]:
    """The overrides that choose each launcher, where it is installed."""
    pytest.importorskip(f"g2p.launch.{MODULES[request.param]}", exc_type=ImportError)
    if request.param == "submitit_slurm":
        request.getfixturevalue("slurm")
        return SLURM
    return (f"hydra/launcher={request.param}",)


def test_no_processes_are_too_few(tmp_path):
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=0")
    done = run_command(TRAIN, "-m", *joblib, *SMALL_RIDGE, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith(
        "error: hydra.launcher.n_jobs must not be 0; -1 is as many as there are cores.\n"
    )


@pytest.mark.slow
def test_a_multirun_of_train_py(tmp_path, launcher):
    overrides = (*launcher, *SMALL_RIDGE, "phenotype=23C,nosuch,cu")
    done = run_command(TRAIN, "-m", *overrides, cwd=tmp_path)
    assert done.returncode == 1
    runs = [line.removeprefix("run: ") for line in done.stdout.splitlines() if "run: " in line]
    assert len(runs) == 2 and all((Path(run) / "metrics.json").exists() for run in runs)
    (error,) = error_lines(done)
    assert "no phenotype 'nosuch'" in error and "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_run_that_is_killed_or_calls_exit_does_not_affect_the_others(tmp_path, launcher):
    """Ridge's process is killed each time, lasso calls sys.exit; then neither happens."""
    study = ("study=baselines", "size=smoke", "logger=none")
    command = ("-m", "tests.helpers.failing_sweep", *study, *launcher)
    (tmp_path / "faults").touch()
    done = run_command(*command, cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    (error,) = error_lines(done)
    assert "model=ridge" in error and "its process ended without a result" in error
    unaffected = {"linear_pairwise": "done", "gbdt": "done"}
    assert statuses(tmp_path) == {"ridge": "pending", "lasso": "failed", **unaffected}
    (tmp_path / "faults").unlink()
    again = run_command(*command, "--retry-failed", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert statuses(tmp_path) == {"ridge": "done", "lasso": "done", **unaffected}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["joblib", "submitit_local", "ray"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_command_and_its_jobs(tmp_path, name, number):
    """Ctrl-C reaches every process of a terminal, SIGTERM the command alone; no job continues."""
    long = ("trainer.max_epochs=2000", "trainer.patience=null", "logger=none")
    process = start_command(
        SWEEP, "study=canonical", "size=smoke", f"hydra/launcher={name}", *long,
        cwd=tmp_path,
    )  # fmt: skip
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 128 + number
    assert f"stopped by {number.name}" in err and "Traceback" not in err
    collected = run_command(
        SWEEP, "study=canonical", "size=smoke", "--collect", *long, cwd=tmp_path
    )
    assert "2 pending" in collected.stdout, collected.stderr


def is_alive(process: Path) -> bool:
    """Whether a process runs, by its directory in /proc; a zombie does not."""
    try:
        return " Z " not in (process / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
def test_jobs_of_joblib_do_not_outlive_a_killed_command(tmp_path):
    """SIGKILL leaves the command no time to end them."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    code = (
        "import os, pathlib, time; from g2p.launch.joblib_launcher import run_until_killed\n"
        "def job(folder):\n"
        "    pathlib.Path(folder, str(os.getpid())).touch(); time.sleep(600)\n"
        "list(run_until_killed(job, {i: ('.',) for i in range(2)}, 2, {}))"
    )
    command = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment())
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 2:
        assert command.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    jobs = [Path("/proc", file.name) for file in tmp_path.iterdir()]
    assert all(job.exists() for job in jobs)
    command.kill()
    command.wait()
    while any(map(is_alive, jobs)):
        assert time.monotonic() < deadline, "a job outlived the command"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_launcher_launches_twice_in_one_process(tmp_path):
    """joblib's only job at a time runs in this process, and resets Hydra's list of plugins."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    sweep = ["study=baselines", "size=smoke", "logger=none"]
    sweep += ["hydra/launcher=joblib", "hydra.launcher.n_jobs=1"]
    calls = [f"g2p.sweep(*{[*sweep, f'seeds={seed}']})" for seed in (0, 1)]
    script = tmp_path / "script.py"
    script.write_text("\n".join(["import g2p", *calls]))
    done = run_command(str(script), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("study: ") == 2


def test_leaving_on_a_signal_is_no_failure(tmp_path, monkeypatch):
    """As submitit does it: queue the job again, then sys.exit in the signal's handler."""

    def preempted(*arguments):
        os.kill(os.getpid(), signal.SIGUSR2)
        time.sleep(5)

    def handler(number, frame):
        sys.exit(144)

    monkeypatch.setattr(study_job, "open_run", preempted)
    monkeypatch.setattr(interrupts, "_raised", None)  # this process continues
    config = compose(*SMALL_RIDGE, *paths(tmp_path))
    directory = resolve_run(config).directory
    name = directory.folder.name
    before = signal.signal(signal.SIGUSR2, handler)
    try:
        with pytest.raises(Preempted) as exit_info, preemptible():
            Job(tmp_path, Group("test"), (name,), False).train(name, config)
        assert exit_info.value.code == 144
        assert signal.getsignal(signal.SIGUSR2) is handler
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert study_status(directory).state == "pending"


def test_a_run_that_is_another_where_it_computes_is_refused(tmp_path):
    """Planned where there is no CUDA and launched where there is, it would be sought in vain."""
    config = compose(*SMALL, *paths(tmp_path))
    Job(tmp_path, Group("test"), ("of the other",), False).train("of the other", config)
    (folder,) = (tmp_path / "runs").iterdir()
    status = study_status(RunDirectory(folder))
    assert folder.name == "of the other" and status.state == "failed"
    assert "Set trainer=gpu or trainer=cpu" in status.error


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine without CUDA is what this is for")
def test_cuda_may_be_elsewhere(tmp_path):
    """A study for GPUs is planned on a login node; for runs here it is refused at once."""
    overrides = ("study=canonical", "size=smoke", "trainer.accelerator=cuda", "logger=none")
    here = run_command(SWEEP, *overrides, cwd=tmp_path)
    assert here.returncode == 1 and len(error_lines(here)) == 1 and "no CUDA device" in here.stderr
    assert not (tmp_path / "runs").exists()
    elsewhere = run_command(SWEEP, *overrides, "--collect", cwd=tmp_path)
    assert "2 pending" in elsewhere.stdout, elsewhere.stderr
