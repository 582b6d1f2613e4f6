"""A job that Slurm queues again, whatever the cause, resumes to the same numbers."""

import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.helpers.command import ROOT
from tests.helpers.configs import SMALL, but
from tests.helpers.launchers import ONE_SLURM, SLURM, run_command, start_command

LONG = but(SMALL, "trainer.max_epochs=200", "trainer.patience=null", "model.dropout=0.1")
DISTURBANCES = {
    "requeued by hand": ["scontrol", "requeue", "JOB"],
    "signalled before its time limit": ["scancel", "--signal=USR2", "JOB"],
    "preempted": ["sbatch", "--partition=urgent", "--exclusive", "--output=/dev/null",
                  "--wrap=sleep 1"],
}  # fmt: skip


def queued_jobs() -> dict[str, str]:
    """Return Slurm's job -> its state, of those that have not ended."""
    table = subprocess.run(
        ["squeue", "--noheader", "--array", "--format=%i %T"], capture_output=True, text=True,
        check=True, timeout=30,
    )  # fmt: skip
    return dict(line.split() for line in table.stdout.splitlines())


def predictions(cwd: Path) -> dict[str, dict]:
    """Return signature -> the predictions of each finished run."""
    return {
        file.parent.name: pq.read_table(file).to_pydict()
        for file in cwd.glob("runs/*/predictions.parquet")
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, dict]:
    """The predictions of a long run that nothing disturbs."""
    directory = tmp_path_factory.mktemp("undisturbed")
    done = run_command(str(ROOT / "train.py"), *LONG, "seed=0", cwd=directory)
    assert done.returncode == 0, done.stderr
    return predictions(directory)


@pytest.mark.slow
@ONE_SLURM
@pytest.mark.parametrize("command", DISTURBANCES.values(), ids=DISTURBANCES)
def test_a_job_that_slurm_queues_again_resumes(tmp_path, slurm, undisturbed, command):
    """And ends with the numbers of an undisturbed one, while the command waits for it."""
    arguments = (str(ROOT / "train.py"), "-m", *LONG, *SLURM, "seed=0,1")
    process = start_command(*arguments, cwd=tmp_path)
    job = min(queued_jobs())
    disturb = [job if item == "JOB" else item for item in command]
    subprocess.run(disturb, check=True, capture_output=True, timeout=30)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert len([line for line in out.splitlines() if line.startswith("run: ")]) == 2
    (log,) = tmp_path.glob(f".cache/multirun/*/.submitit/*/{job}_0_log.out")
    assert log.read_text().count("Starting with") == 2
    assert undisturbed.items() <= predictions(tmp_path).items()
    for file in tmp_path.glob("runs/*/history.parquet"):
        assert pq.read_table(file)["epoch"].to_pylist() == list(range(200))
