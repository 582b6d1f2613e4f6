"""A run's directory: the contract, what is returned at once, what survives."""

import io
import json
import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from filelock import FileLock
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from g2p.core.console import Console
from g2p.core.errors import UserError
from g2p.core.messages import format_error
from g2p.runs.directory import RunDirectory
from g2p.runs.metrics_table import print_table
from g2p.runs.resolve import resolve_run
from g2p.runs.run import obtain_run, run
from g2p.training.checkpoints import load_checkpoint
from tests.helpers.command import train
from tests.helpers.configs import SMALL_RIDGE, compose, paths

FILES = {
    "config.yaml", "metrics.json", "history.parquet", "predictions.parquet", "environment.json",
    "checkpoints/best.ckpt", "checkpoints/last.ckpt",
    "figures/learning_curve.png", "figures/predicted_vs_observed.png",
}  # fmt: skip


def files_of(folder: Path) -> set[str]:
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()} - {".lock"}


@pytest.mark.parametrize("model", ["transformer", "ridge"])
def test_the_directory_is_what_the_contract_says(tmp_path, small, model, capsys):
    config = small() if model == "transformer" else compose(*SMALL_RIDGE, *paths(tmp_path))
    folder = run(config)
    assert files_of(folder) == FILES
    assert capsys.readouterr().out.splitlines()[-1] == f"run: {folder}"
    assert yaml.safe_load((folder / "config.yaml").read_text()) == config

    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["signature"] == folder.name
    assert (metrics["model"], metrics["seed"]) == (model, 0)
    history = pq.read_table(folder / "history.parquet").to_pydict()
    assert history["epoch"] == list(range(metrics["epochs"]))
    assert metrics["best_epoch"] == int(np.argmax(history["val_r2_mean"]))
    assert metrics["seconds"] == pytest.approx(sum(history["seconds"]))
    assert metrics["num_parameters"] > 0

    table = pq.read_table(folder / "predictions.parquet")
    assert table.column_names == ["strain", "split", "phenotype", "observed", "predicted"]
    rows = table.to_pylist()
    assert len(rows) == (36 + 31) * 18  # 240 strains: 36 test, 31 validation; all phenotypes
    assert len({(r["strain"], r["phenotype"]) for r in rows}) == len(rows)
    for part in ("val", "test"):
        for name, r2 in metrics[part]["r2"].items():
            chosen = [r for r in rows if (r["split"], r["phenotype"]) == (part, name)]
            pairs = [(r["observed"], r["predicted"]) for r in chosen if r["observed"] is not None]
            observed, predicted = np.array(pairs).T
            assert metrics[part]["n"][name] == len(pairs)
            assert r2 == pytest.approx(r2_score(observed, predicted), abs=1e-6)
            r = pearsonr(observed, predicted)[0]
            assert metrics[part]["pearson"][name] == pytest.approx(r, abs=1e-6)
        mean = np.mean(list(metrics[part]["r2"].values()))
        assert metrics[part]["r2_mean"] == pytest.approx(mean)
    best = history["val_r2_mean"][metrics["best_epoch"]]
    assert metrics["val"]["r2_mean"] == pytest.approx(best, abs=1e-5)
    assert metrics["ridge"]["test"]["r2"].keys() == metrics["test"]["r2"].keys()
    if model == "ridge":
        assert metrics["ridge"]["test"]["r2_mean"] == pytest.approx(metrics["test"]["r2_mean"])
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["packages"]["torch"]
    assert environment["peak_memory"] > 1e7


def test_a_finished_run_is_returned_not_trained(small, capsys):
    folder = run(small())
    before = {f: f.stat().st_mtime_ns for f in folder.rglob("*") if f.name != ".lock"}
    assert run(small()) == folder
    assert {f: f.stat().st_mtime_ns for f in before} == before
    out = capsys.readouterr().out
    assert "Finished before" in out
    assert out.splitlines()[-1] == f"run: {folder}"


def test_force_trains_again_to_the_same_numbers(small):
    folder = run(small())
    first = json.loads((folder / "metrics.json").read_text())
    stamp = (folder / "metrics.json").stat().st_mtime_ns
    assert run(small("force=true")) == folder
    assert (folder / "metrics.json").stat().st_mtime_ns != stamp
    second = json.loads((folder / "metrics.json").read_text())
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def ended(folder: Path) -> list[str]:
    """When each epoch of a run ended."""
    return pq.read_table(folder / "history.parquet")["ended"].to_pylist()


def test_force_starts_an_unfinished_run_anew(small):
    """But a run that force itself began, and a kill ended, goes on when the command is repeated."""
    folder = run(small())
    (folder / "metrics.json").unlink()
    first = ended(folder)
    run(small("force=true"))
    assert not set(first) & set(ended(folder))
    (folder / "metrics.json").unlink()
    second = ended(folder)
    run(small("force=true"))
    assert ended(folder) == second
    (folder / "metrics.json").unlink()
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"damaged")
    with pytest.raises(UserError, match="force=true"):
        run(small())
    run(small("force=true"))
    assert not set(second) & set(ended(folder))


def test_a_checkpoint_of_another_run_is_refused_and_force_starts_anew(small):
    folder, other = run(small()), run(small("seed=1"))
    metrics = RunDirectory(folder).metrics()
    for file in ("last.ckpt", "best.ckpt"):  # the second in a run that force has begun
        before = ended(folder)
        (folder / "metrics.json").unlink()
        shutil.copy(other / "checkpoints" / file, folder / "checkpoints" / file)
        with pytest.raises(
            UserError, match=f"{file} belongs to another run .{other.name}.*force=true"
        ):
            run(small())
        run(small("force=true"))
        assert not set(before) & set(ended(folder))
        assert {**RunDirectory(folder).metrics(), "seconds": 0} == {**metrics, "seconds": 0}


@pytest.mark.parametrize("name", ["checkpoints", "checkpoints/last.ckpt"])
def test_force_starts_anew_whatever_stands_for_a_checkpoint(small, name):
    folder = run(small())
    metrics = RunDirectory(folder).metrics()
    (folder / "metrics.json").unlink()
    if name == "checkpoints":  # a file in place of a folder, or the other way round
        shutil.rmtree(folder / name)
        (folder / name).write_text("")
    else:
        (folder / name).unlink()
        (folder / name).mkdir()
    run(small("force=true"))
    assert {**RunDirectory(folder).metrics(), "seconds": 0} == {**metrics, "seconds": 0}


def test_checkpoints_of_two_trainings_do_not_go_together(small):
    """As where a backup was restored in part: best.ckpt of an epoch, last.ckpt of later ones."""
    config = small("trainer.max_epochs=3", "trainer.patience=null")
    folder = run(config)
    metrics = RunDirectory(folder).metrics()
    best = folder / "checkpoints" / "best.ckpt"
    checkpoint = load_checkpoint(best)
    memory = checkpoint["callbacks"]["Memory"]
    memory["best_epoch"] = 1 - min(memory["best_epoch"], 1)
    torch.save(checkpoint, best)
    (folder / "metrics.json").unlink()
    with pytest.raises(UserError, match="best.ckpt and .*last.ckpt come from different trainings"):
        run(config)
    run(small("trainer.max_epochs=3", "trainer.patience=null", "force=true"))
    assert {**RunDirectory(folder).metrics(), "seconds": 0} == {**metrics, "seconds": 0}


@pytest.mark.parametrize("how", ["removed", "moved", "begun by another"])
@pytest.mark.parametrize("when", ["write_history", "write_predictions"])
def test_a_directory_that_goes_in_mid_training(tmp_path, small, monkeypatch, how, when):
    """The run ends with a message, and what is left never looks finished."""
    config = small("trainer.max_epochs=2")
    folder = tmp_path / "runs" / resolve_run(config).directory.folder.name

    def taken_away(*arguments, **more):
        if folder.exists() and not (tmp_path / "elsewhere").exists():
            if how == "removed":
                shutil.rmtree(folder)
            else:
                folder.rename(tmp_path / "elsewhere")
            if how == "begun by another":
                folder.mkdir()
                (folder / ".lock").touch()
                (folder / "config.yaml").write_text("of another process")
        return real(*arguments, **more)

    real = getattr(RunDirectory, when)
    monkeypatch.setattr(RunDirectory, when, taken_away)
    with pytest.raises(UserError, match=f"{folder} was removed or moved away"):
        obtain_run(config, None, Console(quiet=True))
    if how == "begun by another":
        assert (folder / "config.yaml").read_text() == "of another process"
        assert not (folder / "metrics.json").exists()
    else:
        assert not folder.exists()
    monkeypatch.undo()
    if how == "moved":
        assert obtain_run(config, None, Console(quiet=True)).finished


def test_damaged_files_are_mended_or_named(tmp_path, small):
    folder = run(small())
    for stored in (*(tmp_path / "cache" / "ridge").iterdir(),
                   *(tmp_path / "cache" / "panels").iterdir()):  # fmt: skip
        stored.write_bytes(stored.read_bytes()[:50])
    run(small("seed=5"))
    for damaged in ("{", "{}", "3"):
        (folder / "metrics.json").write_text(damaged)
        with pytest.raises(UserError, match="metrics.json is damaged .* force=true"):
            run(small())
    run(small("force=true"))


def test_git_need_not_be_there(tmp_path):
    done = train(*SMALL_RIDGE, *paths(tmp_path), cwd=tmp_path, PATH=str(tmp_path))
    folder = Path(done.stdout.splitlines()[-1].removeprefix("run: "))
    assert json.loads((folder / "environment.json").read_text())["git_commit"] is None


def test_zero_written_two_ways_is_one_run(tmp_path):
    written = (f"data.missing_rate={zero}" for zero in ("0", "0.0"))
    folders = {run(compose(*SMALL_RIDGE, *paths(tmp_path), rate)) for rate in written}
    assert len(folders) == 1


def test_one_phenotype_two_names_one_run(small):
    assert run(small("phenotype=YPD")) == run(small("phenotype=30C"))


def test_seed_zero_is_a_seed(small, tmp_path):
    folders = {run(small(f"seed={seed}")) for seed in (0, 1)}
    r2 = {json.loads((f / "metrics.json").read_text())["test"]["r2_mean"] for f in folders}
    assert len(folders) == len(r2) == 2
    again = run(small("seed=0", f"paths.runs={tmp_path / 'again'}"))
    assert json.loads((again / "metrics.json").read_text())["test"]["r2_mean"] in r2


def test_the_order_of_phenotypes_does_not_make_another_run(small):
    assert run(small("phenotype=[cu,23C]")) == run(small("phenotype=[23C,cu]"))


def test_what_fails_before_its_first_epoch_leaves_nothing(tmp_path, small):
    for overrides in (["optim.lr=1e30"], ["trainer.drop_last=true", "trainer.batch_size=9999"]):
        with pytest.raises(UserError):
            run(small(*overrides))
        assert not list((tmp_path / "runs").glob("*"))
    with pytest.raises(UserError, match="no phenotype 'YPX'. Did you mean 'YPD'"):
        run(small("phenotype=YPX"))
    with pytest.raises(UserError, match="too few"):
        run(small("data.strains=1"))
    assert not list((tmp_path / "runs").glob("*"))


def test_a_folder_that_may_not_be_written(tmp_path, small):
    (tmp_path / "runs").write_text("a file where a folder should be")
    with pytest.raises(OSError):
        run(small())
    assert (tmp_path / "runs").read_text() == "a file where a folder should be"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_a_folder_of_somebody_elses(tmp_path, capsys):
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o777 == 0o700:  # pytest's own are closed to others
            folder.chmod(0o755)
    config = compose(*SMALL_RIDGE, *paths(tmp_path))
    run({**config, "paths": {**config["paths"], "runs": str(tmp_path / "first")}})
    (tmp_path / "runs").mkdir()
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError) as error:
            run(config)
    finally:
        os.seteuid(0)
    said = format_error(error.value)
    assert said.startswith(f"Permission denied: {tmp_path / 'runs'}")
    assert "Set paths.runs" in said
    assert not list((tmp_path / "runs").iterdir())


def _run(config, barrier, results):
    barrier.wait()
    results.put(str(run(config)))


@pytest.mark.slow
def test_two_processes_asked_for_one_run(small):
    """One trains, the other waits for it: one history, one result."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    config = small("trainer.max_epochs=30", "trainer.patience=null")
    workers = [context.Process(target=_run, args=(config, barrier, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    folders = {results.get(timeout=120) for _ in workers}
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    (folder,) = folders
    ended = pq.read_table(Path(folder) / "history.parquet")["ended"].to_pylist()
    assert len(ended) == 30
    assert ended == sorted(ended)


@pytest.mark.slow
@pytest.mark.parametrize("removes", [False, True])
def test_waiting_is_said(small, removes):
    """The other process holds the run until it is said, and the run goes on then.

    Also when its directory is gone by then: it failed at once, or was pruned.
    """
    config = small()
    folder = run(config)
    (folder / "metrics.json").unlink()
    context = multiprocessing.get_context("spawn")
    taken, said = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(folder, taken, said, removes))
    holder.start()
    assert taken.wait(timeout=60)

    class Ears(io.StringIO):
        def write(self, text):
            if "Another process is training" in text:
                said.set()
            return super().write(text)

    obtain_run(config, None, Console(file=Ears()))
    holder.join()
    assert said.is_set() and (folder / "metrics.json").exists()


def _hold(folder, taken, said, removes):
    with FileLock(folder / ".lock"):
        taken.set()
        said.wait(timeout=60)
        if removes:
            shutil.rmtree(folder)


def test_figures_are_pictures_of_the_run(small):
    import matplotlib.image

    folder = run(small())
    for name in ("learning_curve", "predicted_vs_observed"):
        picture = matplotlib.image.imread(folder / "figures" / f"{name}.png")
        assert min(picture.shape[:2]) > 300
        assert picture[..., :3].std() > 0.05  # something is drawn


def test_the_table_holds_what_the_metrics_say(small, capsys):
    folder = run(small("phenotype=[23C,cu]"))
    metrics = json.loads((folder / "metrics.json").read_text())
    out = capsys.readouterr().out
    for name in ("23C", "cu"):
        line = next(line for line in out.splitlines() if f" {name} " in line)
        for value in (
            metrics["test"]["r2"][name],
            metrics["test"]["pearson"][name],
            metrics["ridge"]["test"]["r2"][name],
            metrics["noise_ceiling"][name],
        ):
            assert f"{value:.3f}" in line
        assert f" {metrics['test']['n'][name]} " in line


def test_the_table_of_what_is_known_of_some_phenotypes(capsys):
    metrics = {
        "model": "ridge", "seed": 0, "ridge": None, "noise_ceiling": {"cu": 0.75},
        "test": {"r2": {"23C": 0.25, "cu": 0.5}, "pearson": {"23C": 0.5, "cu": 0.7},
                 "n": {"23C": 40, "cu": 41}},
    }  # fmt: skip
    metrics["ridge"] = {"test": {"r2": {"23C": 0.25, "cu": 0.5}}}  # of itself: the same again
    print_table(metrics, Console(width=100))
    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines() if "│" in line}
    assert "0.750" in lines["cu"] and "0.750" not in lines["23C"] + lines["mean"]
    assert lines["mean"].count("0.375") == 1
