"""A run's directory: the contract, what is returned at once, what failures leave."""

import gc
import json
import os
import shutil
import tempfile
import weakref
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from g2p.core.console import Console
from g2p.core.errors import G2PError
from g2p.core.messages import format_error
from g2p.runs import environment
from g2p.runs.directory import RunDirectory
from g2p.runs.resolve import resolve_run
from g2p.runs.run import obtain_run, run
from g2p.training.weights import weigh_strains
from tests.helpers.configs import SMALL, SMALL_RIDGE, compose, paths

FILES = {
    "config.yaml", "metrics.json", "history.parquet", "predictions.parquet", "environment.json",
    "checkpoints/best.ckpt", "checkpoints/last.ckpt", "checksums.json", "status.json",
    "figures/predicted_vs_observed.png",
}  # fmt: skip


def files_of(folder: Path) -> set[str]:
    return {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()} - {".lock"}


@pytest.mark.parametrize("model", ["transformer", "ridge"])
def test_the_directory_is_what_the_contract_says(tmp_path, small, model, capsys):
    config = small() if model == "transformer" else compose(*SMALL_RIDGE, *paths(tmp_path))
    folder = run(config)
    curve = {"figures/learning_curve.png"} if model == "transformer" else set()
    assert files_of(folder) == FILES | curve
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
    assert metrics["updates"] == history["updates"][-1]
    if model == "ridge":
        assert metrics["updates"] is None and "plateau" not in metrics and "escape" not in metrics
    else:  # 173 training strains: three batches; it learns next to nothing in so few
        assert history["updates"] == [3, 6, 9]
        assert metrics["escape"] is None

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


def test_a_finished_run_is_returned_not_trained(quick, capsys):
    folder = run(quick())
    before = {f: f.stat().st_mtime_ns for f in folder.rglob("*") if f.name != ".lock"}
    assert run(quick()) == folder
    assert {f: f.stat().st_mtime_ns for f in before} == before
    out = capsys.readouterr().out
    assert "Finished before" in out
    assert out.splitlines()[-1] == f"run: {folder}"


def test_figures_are_pictures_of_the_run(small):
    import matplotlib.image

    folder = run(small())
    for name in ("learning_curve", "predicted_vs_observed"):
        picture = matplotlib.image.imread(folder / "figures" / f"{name}.png")
        assert min(picture.shape[:2]) > 300
        assert picture[..., :3].std() > 0.05  # something is drawn


@pytest.mark.parametrize("how", ["removed", "moved", "begun by another"])
@pytest.mark.parametrize("when", ["write_history", "write_predictions"])
def test_a_directory_that_is_removed_in_mid_training(tmp_path, quick, monkeypatch, how, when):
    """The run ends with a message, and what is left never looks finished."""
    config = quick("trainer.max_epochs=2")
    folder = tmp_path / "runs" / resolve_run(config).directory.folder.name

    def removing(*arguments, **more):
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
    monkeypatch.setattr(RunDirectory, when, removing)
    with pytest.raises(G2PError, match=f"{folder} was removed or moved away"):
        obtain_run(config, None, Console(quiet=True))
    if how == "begun by another":
        assert (folder / "config.yaml").read_text() == "of another process"
        assert not (folder / "metrics.json").exists()
    else:
        assert not folder.exists()
    monkeypatch.undo()
    if how == "moved":
        assert obtain_run(config, None, Console(quiet=True)).finished


def test_damaged_files_are_mended_or_named(tmp_path, quick):
    folder = run(quick())
    for stored in (*(tmp_path / "cache" / "ridge").iterdir(),
                   *(tmp_path / "cache" / "panels").iterdir()):  # fmt: skip
        stored.write_bytes(stored.read_bytes()[:50])
    run(quick("seed=5"))
    for damaged in ("{", "{}", "3"):
        (folder / "metrics.json").write_text(damaged)
        with pytest.raises(G2PError, match="metrics.json is damaged .* force=true"):
            run(quick())
    run(quick("force=true"))


def test_git_need_not_be_there(tmp_path, monkeypatch):
    environment.git_state.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = run(compose(*SMALL_RIDGE, *paths(tmp_path)))
    environment.git_state.cache_clear()
    assert json.loads((folder / "environment.json").read_text())["git_commit"] is None


def test_what_cannot_begin_leaves_nothing(tmp_path, quick):
    with pytest.raises(G2PError, match="no phenotype 'YPX'. Did you mean 'YPD'"):
        run(quick("phenotype=YPX"))
    with pytest.raises(G2PError, match="too few"):
        run(quick("data.strains=1"))
    assert not list((tmp_path / "runs").glob("*"))


def test_a_folder_that_may_not_be_written(tmp_path, quick):
    (tmp_path / "runs").write_text("a file where a folder should be")
    with pytest.raises(OSError):
        run(quick())
    assert (tmp_path / "runs").read_text() == "a file where a folder should be"


@pytest.fixture
def public_folder():
    """A folder that every user may read; pytest closes its own whenever a session starts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_a_folder_of_somebody_elses(public_folder):
    config = compose(*SMALL_RIDGE, *paths(public_folder))
    run({**config, "paths": {**config["paths"], "runs": str(public_folder / "first")}})
    (public_folder / "runs").mkdir()
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError) as error:
            run(config)
    finally:
        os.seteuid(0)
    message = format_error(error.value)
    assert message.startswith(f"Permission denied: {public_folder / 'runs'}")
    assert "Set paths.runs" in message
    assert not list((public_folder / "runs").iterdir())


def test_a_run_that_has_ended_holds_none_of_its_data(tmp_path, monkeypatch):
    """Else the panel stays mapped, and who writes its file anew ends the process (SIGBUS)."""
    prepared = []

    def collected(*arguments):
        data = weigh_strains(*arguments)
        prepared.append(weakref.ref(data))
        return data

    monkeypatch.setattr("g2p.runs.run.weigh_strains", collected)
    gc.disable()
    try:
        obtain_run(compose(*SMALL_RIDGE, *paths(tmp_path)), None, Console(quiet=True))
        assert prepared.pop()() is None
    finally:
        gc.enable()
    obtain_run(compose(*SMALL, *paths(tmp_path)), None, Console(quiet=True))
    gc.collect()  # Lightning's trainer refers to itself
    assert prepared.pop()() is None
