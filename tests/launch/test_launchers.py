"""Hydra's launchers, the real ones: every job has its end, whatever becomes of the others."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from g2p.core import interrupts as stopping
from g2p.launch.preemption import Preempted, preemptible
from g2p.launch.prepare import PLUGINS
from g2p.runs.resolve import resolve_run
from g2p.runs.run import drive
from g2p.study import job as jobs
from g2p.study.job import Job
from g2p.study.ledger import Ledger
from g2p.tracking.group import Group
from tests.helpers.command import ROOT, call
from tests.helpers.configs import SMALL, SMALL_RIDGE, but, compose, paths

SLURM_NEEDS = ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd", "srun", "sacct")
OF_SLURM = (
    "hydra/launcher=submitit_slurm", "hydra.launcher.partition=debug",
    "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1",
)  # fmt: skip
LONG = but(SMALL, "trainer.max_epochs=200", "trainer.patience=null", "model.dropout=0.1")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A Slurm of one node with accounting, started for this module."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    absent = [name for name in SLURM_NEEDS if not shutil.which(name, path=path)]
    if absent or os.geteuid() != 0:
        pytest.skip(f"a Slurm of one's own needs root and {', '.join(absent) or 'nothing else'}")
    folder = tmp_path_factory.mktemp("slurm")
    script = [str(ROOT / "tests" / "helpers" / "slurm.sh")]
    log = folder / "start.log"
    with log.open("w") as out:  # no pipe: the daemons would keep it open
        started = subprocess.run(
            [*script, "start", str(folder)], stdout=out, stderr=out, timeout=180, check=False
        )
    assert started.returncode == 0, log.read_text()
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    yield folder
    del os.environ["SLURM_CONF"]
    subprocess.run([*script, "stop", str(folder)], check=True, capture_output=True, timeout=120)


# Tests of one xdist_group share a worker, and with it the one Slurm.
ONE_SLURM = pytest.mark.xdist_group("slurm")


@pytest.fixture(
    params=[
        *(name for name in PLUGINS if name != "submitit_slurm"),
        pytest.param("submitit_slurm", marks=ONE_SLURM),
    ]
)
def launcher(request) -> tuple[str, ...]:
    """The words that choose each launcher, where it can be had."""
    pytest.importorskip(f"hydra_plugins.{PLUGINS[request.param][0]}")
    if request.param == "submitit_slurm":
        request.getfixturevalue("slurm")
        return OF_SLURM
    return (f"hydra/launcher={request.param}",)


def environment() -> dict[str, str]:
    """Ray's jobs, which it has give way to all others, would hardly run beside other tests."""
    return {
        **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled",
        "RAY_worker_niceness": "0",
    }  # fmt: skip


def called(*words: str, cwd: Path) -> subprocess.CompletedProcess:
    return call(*words, cwd=cwd, **environment())


def begun(*words: str, cwd: Path) -> subprocess.Popen:
    """The command in a session of its own, once each of its two runs has an epoch behind it."""
    process = subprocess.Popen(
        [sys.executable, *words], cwd=cwd, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    until(lambda: len(list(cwd.glob("runs/*/history.parquet"))) == 2 or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def until(true, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def statuses(cwd: Path) -> dict[str, str]:
    """Model -> status, from a study's table."""
    (file,) = cwd.glob("studies/*/results.parquet")
    return {row["model"]: row["status"] for row in pq.read_table(file).to_pylist()}


def errors(done) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("launcher", "word", "said"),
    [
        ("joblib", "hydra.launcher.verbose=3", "verbose: 3"),
        ("submitit_local", "hydra.launcher.stderr_to_stdout=true", "stderr_to_stdout: true"),
        ("submitit_slurm", "hydra.launcher.qos=high", "qos: high"),
        ("ray", "+hydra.launcher.ray.remote.memory=5", "memory: 5"),
    ],
)
def test_a_ready_config_has_the_options_of_its_plugin(tmp_path, launcher, word, said):
    told = (f"hydra/launcher={launcher}", word, "--cfg", "hydra", "-p", "hydra.launcher")
    done = called(str(ROOT / "train.py"), *told, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert said in done.stdout and "_target_: hydra_plugins.hydra_" in done.stdout


def test_no_processes_are_too_few(tmp_path):
    words = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=0")
    done = called(str(ROOT / "train.py"), "-m", *words, *SMALL_RIDGE, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith(
        "error: hydra.launcher.n_jobs must not be 0; -1 is as many as there are cores.\n"
    )


@pytest.mark.parametrize(
    ("launcher", "extra"),
    [("joblib", "launchers"), ("submitit_slurm", "launchers"), ("ray", "ray")],
)
@pytest.mark.parametrize("command", [["train.py", "-m"], ["sweep.py", "study=multienv"]])
def test_without_its_extra_a_launcher_says_which(tmp_path, launcher, extra, command):
    """The same packages, but for Hydra's plugins."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if entry.name != "hydra_plugins":
            (packages / entry.name).symlink_to(entry)
    words = [*command, "size=smoke"] if "sweep.py" in command else [*command, *SMALL_RIDGE]
    done = subprocess.run(
        [sys.executable, "-S", str(ROOT / words[0]), *words[1:], f"hydra/launcher={launcher}"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(packages)}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        f"error: hydra/launcher={launcher} is not installed. pip install -e '.[{extra}]' "
        "installs it.\n"
    )


@pytest.mark.slow
def test_a_multirun_of_train_py(tmp_path, launcher):
    words = (str(ROOT / "train.py"), "-m", *launcher, *SMALL_RIDGE, "phenotype=23C,nosuch,cu")
    done = called(*words, cwd=tmp_path)
    assert done.returncode == 1
    told = [line.removeprefix("run: ") for line in done.stdout.splitlines() if "run: " in line]
    assert len(told) == 2 and all((Path(run) / "metrics.json").exists() for run in told)
    (error,) = errors(done)
    assert "no phenotype 'nosuch'" in error and "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_run_that_is_killed_or_calls_exit_costs_itself_only(tmp_path, launcher):
    """Ridge's process is killed each time, lasso calls sys.exit; then both are let be."""
    words = (
        "-m",
        "tests.helpers.failing_sweep",
        "study=baselines",
        "size=smoke",
        "logger=none",
        *launcher,
    )
    (tmp_path / "grief").touch()
    done = called(*words, cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    (error,) = errors(done)
    assert "model=ridge" in error and "its process ended without a result" in error
    well = {"linear_pairwise": "done", "gbdt": "done"}
    assert statuses(tmp_path) == {"ridge": "pending", "lasso": "failed", **well}
    (tmp_path / "grief").unlink()
    again = called(*words, "--retry-failed", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert statuses(tmp_path) == {"ridge": "done", "lasso": "done", **well}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["joblib", "submitit_local", "ray"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_command_and_its_jobs(tmp_path, name, number):
    """Ctrl-C reaches every process of a terminal, SIGTERM the command alone; nothing goes on."""
    long = ("trainer.max_epochs=2000", "trainer.patience=null", "logger=none")
    process = begun(
        str(ROOT / "sweep.py"), "study=canonical", "size=smoke", f"hydra/launcher={name}", *long,
        cwd=tmp_path,
    )  # fmt: skip
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 128 + number
    assert f"stopped by {number.name}" in err and "Traceback" not in err
    collected = called(
        str(ROOT / "sweep.py"), "study=canonical", "size=smoke", "--collect", *long, cwd=tmp_path
    )
    assert "2 pending" in collected.stdout, collected.stderr


def alive(process: Path) -> bool:
    """Whether a process, by its folder in /proc, runs; one that nobody has waited for does not."""
    try:
        return " Z " not in (process / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
def test_jobs_of_joblib_do_not_outlive_a_killed_command(tmp_path):
    """SIGKILL leaves the command no moment to end them."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    code = (
        "import os, pathlib, time; from g2p.launch.joblib_launcher import _ended\n"
        "def job(folder):\n"
        "    pathlib.Path(folder, str(os.getpid())).touch(); time.sleep(600)\n"
        "list(_ended({i: (job, ('.',), {}) for i in range(2)}, 2, {}))"
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
    while any(map(alive, jobs)):
        assert time.monotonic() < deadline, "a job outlived the command"
        time.sleep(0.05)


def test_leaving_on_a_signal_is_no_failure(tmp_path, monkeypatch):
    """As submitit does it: queue the job again, then sys.exit in the signal's handler."""

    def preempted(*arguments):
        os.kill(os.getpid(), signal.SIGUSR2)
        time.sleep(5)

    def handler(number, frame):
        sys.exit(144)

    monkeypatch.setattr(jobs, "obtain_steps", preempted)
    monkeypatch.setattr(stopping, "_raised", None)  # this process goes on
    config = compose(*SMALL_RIDGE, *paths(tmp_path))
    name = resolve_run(config).directory.folder.name
    before = signal.signal(signal.SIGUSR2, handler)
    try:
        with pytest.raises(Preempted) as left, preemptible():
            drive(Job(tmp_path, Group("test"), (name,), False).steps(name, config))
        assert left.value.code == 144
        assert signal.getsignal(signal.SIGUSR2) is handler
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert Ledger(tmp_path).entries()[name]["status"] == "pending"


def test_a_run_that_is_another_where_it_computes_is_refused(tmp_path):
    """Planned where there is no CUDA and launched where there is, it would be sought in vain."""
    config = compose(*SMALL, *paths(tmp_path))
    drive(Job(tmp_path, Group("test"), ("of the other",), False).steps("of the other", config))
    entry = Ledger(tmp_path).entries()["of the other"]
    assert entry["status"] == "failed" and "Set trainer=gpu or trainer=cpu" in entry["error"]
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine without CUDA is what this is for")
def test_cuda_may_be_elsewhere(tmp_path):
    """A study for GPUs is planned on a login node; for runs here it is refused at once."""
    told = ("study=canonical", "size=smoke", "trainer.accelerator=cuda", "logger=none")
    here = called(str(ROOT / "sweep.py"), *told, cwd=tmp_path)
    assert here.returncode == 1 and len(errors(here)) == 1 and "no CUDA device" in here.stderr
    assert not (tmp_path / "runs").exists()
    elsewhere = called(str(ROOT / "sweep.py"), *told, "--collect", cwd=tmp_path)
    assert "2 pending" in elsewhere.stdout, elsewhere.stderr


def queued() -> dict[str, str]:
    """Slurm's job -> its state, of those that have not ended."""
    listed = subprocess.run(
        ["squeue", "--noheader", "--array", "--format=%i %T"], capture_output=True, text=True,
        check=True, timeout=30,
    )  # fmt: skip
    return dict(line.split() for line in listed.stdout.splitlines())


def numbers(cwd: Path) -> dict[str, dict]:
    """Signature -> what a run came to, but for times."""
    return {
        file.parent.name: pq.read_table(file).to_pydict()
        for file in cwd.glob("runs/*/predictions.parquet")
    }


def disturb(job: str, how: str) -> None:
    command = {
        "requeued by hand": ["scontrol", "requeue", job],
        "signalled before its time limit": ["scancel", "--signal=USR2", job],
        "preempted": ["sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null",
                      "--wrap=sleep 1"],
    }[how]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def calm(tmp_path_factory) -> dict[str, dict]:
    """The numbers of a long run that nothing disturbs."""
    folder = tmp_path_factory.mktemp("calm")
    assert called(str(ROOT / "train.py"), *LONG, "seed=0", cwd=folder).returncode == 0
    return numbers(folder)


@pytest.mark.slow
@ONE_SLURM
@pytest.mark.parametrize(
    "how", ["requeued by hand", "signalled before its time limit", "preempted"]
)
def test_a_job_that_slurm_queues_again_goes_on(tmp_path, slurm, calm, how):
    """And ends with the numbers of an undisturbed one, while the command waits for it."""
    words = (str(ROOT / "train.py"), "-m", *LONG, *OF_SLURM, "seed=0,1")
    process = begun(*words, cwd=tmp_path)
    job = min(queued())
    disturb(job, how)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert len([line for line in out.splitlines() if line.startswith("run: ")]) == 2
    (log,) = tmp_path.glob(f".cache/multirun/*/.submitit/*/{job}_0_log.out")
    assert log.read_text().count("Starting with") == 2
    assert calm.items() <= numbers(tmp_path).items()
    for file in tmp_path.glob("runs/*/history.parquet"):
        assert pq.read_table(file)["epoch"].to_pylist() == list(range(200))
