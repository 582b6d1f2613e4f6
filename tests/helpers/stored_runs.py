"""Run directories without a training, and the command that lists them."""

import os
import subprocess
import sys
from pathlib import Path

from g2p.config.compose import compose_config
from g2p.core.atomic_files import write_json
from g2p.runs.directory import STATUS, RunDirectory
from tests.helpers.command import ROOT, sweep

PHENOTYPES = ("30C", "cu")


def write_run(
    folder: Path, number: int, *overrides: str, done=True, names=PHENOTYPES, r2=0.5
) -> RunDirectory:  # fmt: skip
    """Write a run's directory as training leaves it, without the training."""
    directory = RunDirectory(folder / f"{number:016x}")
    directory.write_config(compose_config(overrides, of_many=True))
    (directory.folder / ".lock").touch()
    directory.checkpoints.mkdir()
    for name in ("best.ckpt", "last.ckpt"):
        (directory.checkpoints / name).write_bytes(b"x" * 1000)
    directory.write_history([{"epoch": i, "train_loss": 1.0} for i in range(3)])
    if done:
        directory.write_metrics(metrics(directory.folder.name, names, r2))
    return directory


def write_status(directory: RunDirectory, state: str, **facts) -> None:
    """Write a run's status.json as the process that trains it does."""
    status = {"state": state, "at": "2026-01-02T03:04:05+00:00", **facts}
    write_json(directory.folder / STATUS, status)


def metrics(signature: str, names=PHENOTYPES, r2=0.5) -> dict:
    """Return the content of a metrics.json, of seven epochs."""
    scores = {key: dict.fromkeys(names, r2) for key in ("r2", "pearson")}
    scores |= {"n": dict.fromkeys(names, 40), "r2_mean": r2, "loss": 0.5}
    return {
        "signature": signature, "model": "transformer", "seed": 0, "best_epoch": 4, "epochs": 7,
        "seconds": 7.0, "num_parameters": 1000, "val": scores, "test": scores, "ridge": None,
        "noise_ceiling": {},
    }  # fmt: skip


def six_runs(folder: Path) -> Path:
    """Write four finished runs, a killed and a damaged one, numbered, beside what is no run."""
    write_run(folder, 1, "model.num_layers=1", "optim.lr=1e-3", "phenotype=YPD", names=["30C"])
    write_run(folder, 2, "model.num_layers=2", "optim.lr=1e-4", "seed=1", "phenotype=[30C,cu]")
    write_run(folder, 3, "model=ridge", "qc=strict", "phenotype=all", "data.strains=500")
    write_run(
        folder, 4, "model=stacked", "trainer=cpu", "model.lasso.folds=3", "phenotype=cu",
        names=["cu"],
    )  # fmt: skip
    killed = write_run(folder, 5, "model.num_layers=2", "trainer=cpu", "phenotype=all", done=False)
    write_status(killed, "running", host="here", pid=77)
    damaged = write_run(folder, 6)
    (damaged.folder / "metrics.json").write_text('{"test": ')
    (folder / "seeds").mkdir()  # somebody else's
    (folder / "notes.txt").touch()
    return folder


def listing(*filters: str, cwd: Path, columns=160, **more) -> subprocess.CompletedProcess:
    """Run `sweep.py --runs` in a process of its own, as wide as so many columns.

    Args:
        filters: its arguments.
        cwd: the working directory.
        columns: the width.
        more: `stdin`, for a command that asks something.
    """
    if not more:
        return sweep("--runs", *filters, cwd=cwd, timeout=120, COLUMNS=str(columns))
    return subprocess.run(
        [sys.executable, str(ROOT / "sweep.py"), "--runs", *filters], cwd=cwd, text=True,
        capture_output=True, timeout=120, check=False,
        env={**os.environ, "COLUMNS": str(columns)}, **more,
    )  # fmt: skip
