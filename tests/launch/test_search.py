"""A search with the real Optuna: its space, the trials that remain, and its best run."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from g2p.config.compose import compose_config, jobs, parse
from g2p.core.errors import G2PError
from g2p.launch.search import search_overrides
from tests.helpers.command import ROOT, train

pytest.importorskip(
    "hydra_plugins.hydra_optuna_sweeper", reason="the extra 'search' is not installed"
)

SMALL = (
    "data.strains=300", "data.loci=16", "phenotype=cu", "logger=none", "trainer=cpu",
    "trainer.max_epochs=1", "model.embedding_dim=16", "model.ffn_dim=16",
)  # fmt: skip
SEARCH = ("-m", "hydra/sweeper=optuna", *SMALL)


def space(*overrides: str) -> dict[str, str]:
    added = search_overrides(parse(["hydra/sweeper=optuna", *overrides]))
    return dict(
        override.split("=", 1) for override in added if not override.lstrip("+").startswith("hydra")
    )


def folders(done: subprocess.CompletedProcess) -> list[Path]:
    lines = done.stdout.splitlines()
    return [Path(line.removeprefix("run: ")) for line in lines if line.startswith("run: ")]


def value(folder: Path) -> float:
    return json.loads((folder / "metrics.json").read_text())["val"]["r2_mean"]


@pytest.mark.parametrize(
    ("overrides", "keys"),
    [
        ([], {"lr", "weight_decay", "num_layers", "embedding_dim", "ffn_dim", "dropout"}),
        (["model=rijal_attention", "optim=adam"], {"lr", "num_layers", "embedding_dim"}),
        (["model.ffn=false"], {"lr", "weight_decay", "num_layers", "embedding_dim", "dropout"}),
        (["model.dropout=0.1", "optim.lr=1e-3,1e-2", "model.ffn=true,false"],
         {"weight_decay", "num_layers", "embedding_dim"}),
        (["model=transformer,rung", "optim=adam,adamw"], {"lr", "num_layers", "embedding_dim"}),
        (["model=ridge", "qc.min_maf=interval(0.0,0.1)"], set()),
    ],
)  # fmt: skip
def test_the_space_is_what_every_run_has(overrides, keys):
    ranges = space(*overrides)
    assert {key.split(".")[1] for key in ranges} == keys
    for job in jobs(parse([*overrides, *(f"{key}={v}" for key, v in ranges.items())])):
        compose_config(job)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["-m", "hydra/sweeper=optuna", "model=ridge"], "there is nothing to search"),
        (["hydra/sweeper=optuna"], "has no effect without -m"),
        (["-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=0"], "n_trials must be at least 1"),
        (["-m", "hydra/sweeper=optuna", "hydra.sweeper.n_jobs=0"], "n_jobs must be at least 1"),
        (["-m", "hydra/sweeper=optuna", "optim.lrr=interval(0.1,1)"], "Did you mean 'optim.lr'?"),
        (["-m", "hydra/sweeper=optuna", "model.dropout=interval(0.0,1.0)"], "must be below 1"),
        (["-m", "optim.lr=interval(0.1,1)"], "does not support"),
        (["-m", "hydra/sweeper=optuna", "hydra.sweeper.storage=sqlite:///no/s.db"],
         "hydra.sweeper.storage=sqlite:///no/s.db cannot be used: "),
        (["-m", "hydra/sweeper=optuna", "hydra.sweeper.storage=mine"], "storage=mine cannot be"),
    ],
)  # fmt: skip
def test_a_users_error_is_one_message(tmp_path, overrides, message):
    done = train(*overrides, "logger=none", cwd=tmp_path)
    assert done.returncode == 1 and message in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_search_ends_with_its_best_run_and_resumes(tmp_path):
    done = train(*SEARCH, "hydra.sweeper.n_trials=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first = folders(done)
    assert len(set(first)) == 2 and len(first) == 3
    assert first[-1] == max(first, key=value)
    assert f"best trial: validation R2 {value(first[-1]):.3f} with " in done.stdout
    trained = {run: (run / "metrics.json").stat().st_mtime_ns for run in first}
    more = train(*SEARCH, "hydra.sweeper.n_trials=3", cwd=tmp_path)
    assert folders(more)[:2] == first[:2] and len(set(folders(more))) == 3
    assert all((run / "metrics.json").stat().st_mtime_ns == at for run, at in trained.items())
    assert folders(more)[-1] == max(folders(more), key=value)


@pytest.mark.slow
def test_trials_at_once_and_a_storage_that_counts_them(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="no extra 'launchers'")
    overrides = (*SEARCH, "hydra.sweeper.storage=sqlite:///search.db")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *overrides, "hydra.sweeper.n_trials=50"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ),
    )  # fmt: skip
    while len(list(tmp_path.glob("runs/*/metrics.json"))) < 2 and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()

    def finished() -> int:
        with contextlib.closing(sqlite3.connect(tmp_path / "search.db")) as storage:
            states = [state for (state,) in storage.execute("SELECT state FROM trials")]
        return sum(state in ("COMPLETE", "FAIL") for state in states)

    before = finished()
    assert before >= 1
    parallel = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2")
    arguments = (*overrides, *parallel, f"hydra.sweeper.n_trials={before + 2}")
    done = train(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert finished() == before + 2
    every = [path.parent for path in tmp_path.glob("runs/*/metrics.json")]
    assert folders(done)[-1] == max(every, key=value)
    again = train(*arguments, cwd=tmp_path)  # no trial remains
    assert again.returncode == 0 and folders(again) == folders(done)[-1:]
    few = ("hydra.sweeper.n_trials=1", "model.num_layers=1,2")
    for other in ("data.seed=1", "model.dropout=0.0"):  # another problem; another space
        searched = train(*overrides, *few, other, cwd=tmp_path)
        assert searched.returncode == 0, searched.stderr
        assert len(set(folders(searched))) == 1 and value(folders(searched)[0]) is not None
        assert folders(searched)[0] not in every


@pytest.mark.slow
def test_a_failing_trial_does_not_affect_the_others(tmp_path):
    overrides = ("hydra.sweeper.n_trials=6", "optim.lr=choice(1e-3,1e30)", "model.num_layers=1")
    done = train(*SEARCH, *overrides, "model.dropout=0", "optim.weight_decay=0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the loss became" in done.stderr and "Traceback" not in done.stderr
    assert len(folders(done)) > 1
    none = train(*SEARCH, "hydra.sweeper.n_trials=1", "optim.lr=1e30", cwd=tmp_path)
    assert none.returncode == 1 and "Optuna: No trials are completed yet" in none.stderr
    assert "Traceback" not in none.stderr


def test_a_space_of_options_that_no_run_has_is_refused():
    with pytest.raises(G2PError, match="nothing to search"):
        space("model=gbdt")
