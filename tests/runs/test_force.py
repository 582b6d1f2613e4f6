"""force=true, and checkpoints that a run must not resume from."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from g2p.core.errors import G2PError
from g2p.runs.directory import RunDirectory
from g2p.runs.run import run
from g2p.training.checkpoints import load_checkpoint


def test_force_trains_again_to_the_same_numbers(quick):
    folder = run(quick())
    first = json.loads((folder / "metrics.json").read_text())
    stamp = (folder / "metrics.json").stat().st_mtime_ns
    assert run(quick("force=true")) == folder
    assert (folder / "metrics.json").stat().st_mtime_ns != stamp
    second = json.loads((folder / "metrics.json").read_text())
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def ended(folder: Path) -> list[str]:
    """When each epoch of a run ended."""
    return pq.read_table(folder / "history.parquet")["ended"].to_pylist()


def test_force_starts_an_unfinished_run_anew(quick):
    """But a run that force itself started, and a kill ended, resumes with the same command."""
    folder = run(quick())
    (folder / "metrics.json").unlink()
    first = ended(folder)
    run(quick("force=true"))
    assert not set(first) & set(ended(folder))
    (folder / "metrics.json").unlink()
    second = ended(folder)
    run(quick("force=true"))
    assert ended(folder) == second
    (folder / "metrics.json").unlink()
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"damaged")
    with pytest.raises(G2PError, match="force=true"):
        run(quick())
    run(quick("force=true"))
    assert not set(second) & set(ended(folder))


def test_a_checkpoint_of_another_run_is_refused_and_force_starts_anew(quick):
    folder, other = run(quick()), run(quick("seed=1"))
    metrics = RunDirectory(folder).metrics()
    for file in ("last.ckpt", "best.ckpt"):  # the second in a run that force has begun
        before = ended(folder)
        (folder / "metrics.json").unlink()
        shutil.copy(other / "checkpoints" / file, folder / "checkpoints" / file)
        with pytest.raises(
            G2PError, match=f"{file} belongs to another run .{other.name}.*force=true"
        ):
            run(quick())
        run(quick("force=true"))
        assert not set(before) & set(ended(folder))
        assert {**RunDirectory(folder).metrics(), "seconds": 0} == {**metrics, "seconds": 0}


@pytest.mark.parametrize("name", ["checkpoints", "checkpoints/last.ckpt"])
def test_force_starts_anew_whatever_stands_for_a_checkpoint(quick, name):
    folder = run(quick())
    metrics = RunDirectory(folder).metrics()
    (folder / "metrics.json").unlink()
    if name == "checkpoints":  # a file in place of a folder, or the other way round
        shutil.rmtree(folder / name)
        (folder / name).write_text("")
    else:
        (folder / name).unlink()
        (folder / name).mkdir()
    run(quick("force=true"))
    assert {**RunDirectory(folder).metrics(), "seconds": 0} == {**metrics, "seconds": 0}


def test_checkpoints_of_two_trainings_do_not_go_together(quick):
    """As where a backup was restored in part: best.ckpt of an epoch, last.ckpt of later ones."""
    config = quick("trainer.max_epochs=3", "trainer.patience=null")
    folder = run(config)
    metrics = RunDirectory(folder).metrics()
    best = folder / "checkpoints" / "best.ckpt"
    checkpoint = load_checkpoint(best)
    memory = checkpoint["callbacks"]["Memory"]
    memory["best_epoch"] = 1 - min(memory["best_epoch"], 1)
    torch.save(checkpoint, best)
    (folder / "metrics.json").unlink()
    with pytest.raises(G2PError, match="best.ckpt and .*last.ckpt come from different trainings"):
        run(config)
    run(quick("trainer.max_epochs=3", "trainer.patience=null", "force=true"))
    assert {**RunDirectory(folder).metrics(), "seconds": 0} == {**metrics, "seconds": 0}
