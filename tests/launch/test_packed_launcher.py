"""`hydra/launcher=packed` leaves the directories of the basic launcher, from one stacked model."""

import json
import os
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from g2p.runs.directory import RunDirectory
from g2p.training.checkpoints import load_checkpoint
from tests.helpers.command import ROOT, sweep, train

OVERRIDES = (
    "logger=none", "data.strains=300", "data.loci=16", "model=rijal_attention", "optim=adam",
    "model.num_layers=1", "trainer.max_epochs=3", "trainer.precision=64-true",
    "trainer.accelerator=cpu", "paths.cache=../cache",
)  # fmt: skip
GRID = ("-m", "phenotype=23C,cu", "seed=0,1")


def ended(text: str) -> list[str]:
    return sorted(line.rpartition("/")[2] for line in text.splitlines() if line.startswith("run: "))


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory):
    """The folder of a grid trained by the basic launcher, and the names of its runs."""
    folder = tmp_path_factory.mktemp("launchers") / "basic"
    folder.mkdir()
    done = train(*GRID, *OVERRIDES, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, ended(done.stdout)


def assert_same_runs(folder, other, names):
    for name in names:
        one, two = folder / "runs" / name, other / "runs" / name
        assert {p.name for p in one.iterdir()} == {p.name for p in two.iterdir()}
        metrics = [json.loads((run / "metrics.json").read_text()) for run in (one, two)]
        for part in ("val", "test"):
            for key, values in metrics[0][part]["r2"].items():
                assert metrics[1][part]["r2"][key] == pytest.approx(values, abs=1e-9)
        for key in ("signature", "seed", "best_epoch", "epochs", "num_parameters", "flops"):
            assert metrics[0][key] == metrics[1][key], key
        state = [load_checkpoint(r / "checkpoints" / "best.ckpt")["state_dict"] for r in (one, two)]
        for key, value in state[0].items():
            assert (state[1][key] - value).abs().max() < 1e-9
        tables = [pq.read_table(run / "predictions.parquet").to_pylist() for run in (one, two)]
        for row, again in zip(*tables, strict=True):
            assert again["predicted"] == pytest.approx(row["predicted"], abs=1e-8)


@pytest.mark.slow
def test_the_runs_are_those_of_the_basic_launcher(one_by_one):
    folder, names = one_by_one
    other = folder.parent / "packed"
    other.mkdir()
    done = train(*GRID, *OVERRIDES, "hydra/launcher=packed", cwd=other)
    assert done.returncode == 0, done.stderr
    assert "4 runs train together" in done.stdout
    assert ended(done.stdout) == names
    assert_same_runs(folder, other, names)
    for runs, stacked in ((folder, False), (other, True)):
        facts = [RunDirectory(runs / "runs" / name).environment() for name in names]
        assert {fact["stacked"] for fact in facts} == {stacked}

    again = train(*GRID, *OVERRIDES, "hydra/launcher=packed", cwd=other)
    assert again.returncode == 0 and again.stdout.count("Finished before") == 4
    assert ended(again.stdout) == names


def test_a_failing_job_does_not_affect_the_others(tmp_path):
    done = train(
        "-m", "phenotype=23C,cu", "optim.lr=0.001,1e200", *OVERRIDES, "hydra/launcher=packed",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("the loss became") == 2
    assert "Traceback" not in done.stderr
    assert len(ended(done.stdout)) == 2


@pytest.mark.slow
def test_killed_and_started_again_it_resumes(one_by_one):
    folder, names = one_by_one
    other = folder.parent / "killed"
    other.mkdir()
    command = [sys.executable, str(ROOT / "train.py"), *GRID, *OVERRIDES, "hydra/launcher=packed"]
    process = subprocess.Popen(
        command, cwd=other, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "WANDB_MODE": "offline"},
    )  # fmt: skip
    while process.poll() is None and not list(other.glob("runs/*/checkpoints/last.ckpt")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = train(*GRID, *OVERRIDES, "hydra/launcher=packed", cwd=other)
    assert done.returncode == 0, done.stderr
    assert_same_runs(folder, other, names)


@pytest.mark.slow
def test_a_study_of_several_models_packed(tmp_path):
    overrides = ("study=layers", "size=smoke", "logger=none", "hydra/launcher=packed")
    done = sweep(*overrides, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "train together" in done.stdout
    (file,) = tmp_path.glob("studies/*/results.parquet")
    assert set(pq.read_table(file)["status"].to_pylist()) == {"done"}
