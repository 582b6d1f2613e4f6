"""Loggers beside W&B: what they wrote, read back by other code than ours."""

import csv

import pytest

from g2p.core.console import Console
from g2p.core.errors import OptionError
from g2p.core.interrupts import Stopped
from g2p.runs.run import obtain_run
from g2p.tracking import tracker
from tests.helpers.configs import SMALL, SMALL_RIDGE, but, compose, paths
from tests.helpers.wandb_files import logged

QUIET = Console(quiet=True)


def csv_rows(directory) -> list[dict]:
    with (directory.folder / "csv" / "metrics.csv").open(newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def check_against_the_run(directory, rows: list[dict]) -> None:
    """A row for each epoch as in the history, and one with the test scores."""
    history = directory.history().to_pylist()
    *epochs, last = rows
    assert [row["step"] for row in epochs] == [row["epoch"] for row in history]
    for row, epoch in zip(epochs, history, strict=True):
        assert row["val_loss"] == epoch["val_loss"] and row["val_r2_mean"] == epoch["val_r2_mean"]
    assert last["test_r2_mean"] == directory.metrics()["test"]["r2_mean"]


@pytest.mark.parametrize("model", [SMALL, SMALL_RIDGE])
def test_the_csv_logger_has_every_epoch_and_the_result(tmp_path, model):
    directory = obtain_run(compose(*but(model, "logger=csv"), *paths(tmp_path)), None, QUIET)
    check_against_the_run(directory, csv_rows(directory))
    assert "embedding_dim: 16" in (directory.folder / "csv" / "hparams.yaml").read_text() or (
        model == SMALL_RIDGE
    )


def test_a_resumed_run_logs_each_epoch_once(tmp_path, monkeypatch):
    config = compose(*but(SMALL, "logger=csv"), *paths(tmp_path))
    monkeypatch.setattr(
        "g2p.tracking.lightning_tracker.LightningTracker.result",
        lambda *arguments: (_ for _ in ()).throw(Stopped(15)),
    )
    with pytest.raises(Stopped):
        obtain_run(config, None, QUIET)
    monkeypatch.undo()
    directory = obtain_run(config, None, QUIET)
    check_against_the_run(directory, csv_rows(directory))


def test_tensorboard_reads_what_its_logger_wrote(tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    directory = obtain_run(
        compose(*but(SMALL, "logger=tensorboard"), *paths(tmp_path)), None, QUIET
    )
    events = accumulators.EventAccumulator(str(directory.folder / "tensorboard"))
    events.Reload()
    history = directory.history().to_pylist()
    losses = [(event.step, event.value) for event in events.Scalars("val_loss")]
    expected = [(row["epoch"], pytest.approx(row["val_loss"], rel=1e-6)) for row in history]
    assert losses[: len(history)] == expected
    (test,) = events.Scalars("test_r2_mean")
    assert test.value == pytest.approx(directory.metrics()["test"]["r2_mean"], rel=1e-5)


def test_several_loggers_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    import wandb

    wandb.teardown()  # it keeps the folder of its first run
    changes = ("logger=several", "logger.tensorboard=true", "logger.wandb_options.project=mine")
    directory = obtain_run(compose(*but(SMALL, *changes), *paths(tmp_path)), None, QUIET)
    wandb.teardown()
    check_against_the_run(directory, csv_rows(directory))
    assert list((directory.folder / "tensorboard").glob("events.*"))
    (sent,) = logged(tmp_path)
    assert sent["run"].project == "mine"
    assert sent["summary"]["test_r2_mean"] == directory.metrics()["test"]["r2_mean"]


def test_a_logger_is_no_part_of_a_run_and_goes_with_it(tmp_path):
    places = paths(tmp_path)
    logged_run = obtain_run(compose(*but(SMALL_RIDGE, "logger=csv"), *places), None, QUIET)
    assert obtain_run(compose(*SMALL_RIDGE, *places), None, QUIET).folder == logged_run.folder
    assert not logged_run.remove() and not logged_run.folder.exists()


def test_a_logger_without_its_package_is_named_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(tracker, "find_spec", lambda name: None)
    config = compose(*but(SMALL_RIDGE, "logger=tensorboard"), *paths(tmp_path))
    with pytest.raises(OptionError, match=r"logger=tensorboard is not installed. .*\[tensorboard"):
        obtain_run(config, None, QUIET)
    assert not (tmp_path / "runs").exists()
