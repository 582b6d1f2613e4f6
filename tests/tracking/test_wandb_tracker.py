"""Weights & Biases: what a run logs, read back from its offline file."""

import json
import socket
from pathlib import Path

import pytest

from g2p.core.console import Console
from g2p.runs.run import run
from g2p.tracking.group import Group
from g2p.tracking.wandb_tracker import wandb_tracker
from tests.helpers.command import call, started, train
from tests.helpers.configs import SMALL, SMALL_RIDGE, but, compose, paths
from tests.helpers.wandb_files import logged, offline_files, records


@pytest.fixture(scope="module")
def multirun(tmp_path_factory):
    """Two jobs of one multirun, logged offline."""
    folder = tmp_path_factory.mktemp("wandb")
    arguments = [a for a in SMALL if a != "logger=none"]
    done = train("-m", *arguments, "phenotype=23C,cu", cwd=folder, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty folder to log into from this process."""
    import wandb

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    wandb.teardown()  # it keeps the folder of its first run
    yield tmp_path
    wandb.teardown()


@pytest.mark.slow
def test_the_offline_file_holds_the_runs_numbers(multirun):
    runs = {c["run"].run_id: c for c in logged(multirun)}
    folders = [f for f in (multirun / "runs").iterdir() if f.is_dir()]
    assert set(runs) == {f.name for f in folders}  # each job is a W&B run of its own
    for folder in folders:
        metrics = json.loads((folder / "metrics.json").read_text())
        seen = runs[folder.name]
        (name,) = metrics["test"]["r2"]
        assert seen["config"]["model"]["embedding_dim"] == 16
        assert seen["config"]["phenotype"] == name
        epochs = [row for row in seen["history"] if "val_loss" in row]
        assert [row["epoch"] for row in epochs] == list(range(metrics["epochs"]))
        best = epochs[metrics["best_epoch"]]
        assert best[f"val_r2/{name}"] == pytest.approx(metrics["val"]["r2"][name], abs=1e-5)
        assert seen["summary"]["test_r2_mean"] == metrics["test"]["r2_mean"]
        assert seen["summary"][f"test_r2/{name}"] == metrics["test"]["r2"][name]
        logged_keys = {key for row in seen["history"] for key in row}
        for figure in ("learning_curve", "predicted_vs_observed"):
            assert any(key.startswith(f"figures/{figure}") for key in logged_keys)
        (artifact,) = {a.name for a in seen["artifacts"]}
        assert artifact == f"run-{folder.name}"
        paths = [entry.path for a in seen["artifacts"] for entry in a.manifest.contents]
        assert "best.ckpt" in paths


def test_a_file_that_is_still_written_has_the_records_so_far(multirun, tmp_path):
    whole = offline_files(multirun)[0]
    data, all_of_it = whole.read_bytes(), list(records(whole))
    lengths = set()
    for size in range(7, len(data), 61):
        cut = tmp_path / "cut.wandb"
        cut.write_bytes(data[:size])
        so_far = list(records(cut))
        assert so_far == all_of_it[: len(so_far)]
        lengths.add(len(so_far))
    assert len(lengths) > len(all_of_it) / 2


def test_the_jobs_of_a_multirun_share_a_group(multirun):
    groups = {c["run"].run_group for c in logged(multirun)}
    assert len(groups) == 1
    assert groups != {""}


def test_several_runs_are_open_at_once(offline):
    """As when one process trains several: each has its rows alone, and ends by itself."""
    options = {"project": "g2p", "group": None, "tags": [], "artifact": False}
    config = compose(*SMALL)
    group = Group.of_study("ladder", "smoke")
    trackers = [wandb_tracker(config, f"{i:016x}", group, **options) for i in range(3)]
    entered = [tracker.__enter__() for tracker in trackers]
    rows = [[{"epoch": e, "x": 10.0 * i + e} for e in range(4)] for i in range(3)]
    for seen in range(1, 4):  # row by row, in turns; the second ends on its way
        for i, tracker in enumerate(entered):
            if i != 1 or seen < 3:
                tracker.epochs(rows[i][:seen])
        if seen == 2:
            assert trackers[1].__exit__(RuntimeError, RuntimeError("odd"), None) is not True
    entered[2].epochs(rows[2])
    for tracker in (trackers[0], trackers[2]):
        tracker.__exit__(None, None, None)
    runs = {c["run"].run_id: c for c in logged(offline)}
    assert list(runs) == [f"{i:016x}" for i in range(3)]
    for i, length in enumerate((3, 2, 4)):
        seen = runs[f"{i:016x}"]
        assert [row["x"] for row in seen["history"]] == [row["x"] for row in rows[i][:length]]
        assert seen["exit_code"] == (1 if i == 1 else 0)
        assert seen["run"].run_group == "ladder-smoke"


def test_what_a_factor_becomes():
    """W&B refuses tags over 64 characters, and reads a dot in a config key as a nested key."""
    factors = {"model.num_layers": 3, "rung": "r" * 80, "x": None, "optim.lr": 1e-3, "skip": True}
    group = Group("a-b", {"name": "a", "size": "b"}, factors)
    assert group.config() == {
        "study": {"name": "a", "size": "b"},
        "factor": {
            "model_num_layers": 3, "rung": "r" * 80, "x": None, "optim_lr": 1e-3, "skip": True,
        },
    }  # fmt: skip
    assert group.tags() == [
        "study=a-b", "model.num_layers=3", "rung=" + "r" * 59, "x=none", "optim.lr=0.001",
        "skip=True",
    ]  # fmt: skip
    assert group.base().factors == {} and group.base().job_type == "base"
    multirun = Group("2026")
    assert multirun.config() == {} and multirun.tags() == [] and multirun.base() == multirun


def test_a_base_model_has_its_job_type(offline):

    from g2p.runs.run import obtain_run

    small = [a for a in SMALL if a != "logger=none"]
    overrides = ("transfer=target", "transfer.method=finetuned", "transfer.target=cu",
             "phenotype=[23C,cu]", "trainer.max_epochs=1")  # fmt: skip
    group = Group("s-smoke", {"name": "s", "size": "smoke"}, {"m": 3}, job_type="run")
    obtain_run(compose(*small, *paths(offline), *overrides), group, Console(quiet=True))
    base, run = logged(offline)
    assert (base["run"].job_type, run["run"].job_type) == ("base", "run")
    assert base["run"].run_group == run["run"].run_group == "s-smoke"
    assert "factor" not in base["config"] and run["config"]["factor"] == {"m": 3}
    assert "m=3" in run["run"].tags and "m=3" not in base["run"].tags


@pytest.mark.slow
def test_a_resumed_run_logs_its_earlier_epochs_too(offline):
    """A killed process can lose its copy, so the next one sends all of it."""
    arguments = [a for a in SMALL if a != "logger=none"]
    config = compose(*arguments, *paths(offline))
    folder = run(config)
    for name in ("metrics.json", "predictions.parquet"):
        (folder / name).unlink()
    run(config)
    first, second = logged(offline)
    assert [r for r in second["history"] if "val_loss" in r] != []
    for a, b in zip(first["history"][:3], second["history"][:3], strict=True):
        assert a["val_loss"] == b["val_loss"]


@pytest.mark.slow
def test_what_a_killed_run_left_empty_is_removed(offline):
    """One file with nothing in it keeps `wandb sync` from sending the others."""
    arguments = [a for a in SMALL if a != "logger=none"]
    config = compose(*arguments, *paths(offline), "trainer.max_epochs=1")
    folder = run(config)
    (first,) = offline_files(offline)
    logged(offline)
    first.write_bytes(first.read_bytes()[:7])  # as SIGKILL leaves it
    for name in ("other-run", f"x{folder.name}"):
        (offline / "wandb" / f"offline-run-20260101_000000-{name}").mkdir()
    (folder / "metrics.json").unlink()
    run(config)
    (second,) = offline_files(offline)
    assert second != first and not first.parent.exists()
    assert len(list((offline / "wandb").glob("offline-run-20260101*"))) == 2
    run({**config, "force": True})
    assert len(offline_files(offline)) == 2  # one that holds something stays


@pytest.mark.slow
def test_without_a_logger_wandb_is_not_imported(tmp_path):
    done = started(
        "train.py", *but(SMALL, "trainer.max_epochs=1"), cwd=tmp_path, PYTHONPROFILEIMPORTTIME="1"
    )
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "torch" in imported
    assert "wandb" not in imported
    assert not (tmp_path / "wandb").exists()


@pytest.mark.slow
def test_a_wandb_that_cannot_be_reached_does_not_cost_the_run(tmp_path):
    """Logged in, but nobody answers: it is said once, both runs are logged offline, and whole."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # closed again
    logged_in = {
        "WANDB_MODE": "online", "WANDB_API_KEY": "0" * 40,
        "WANDB_BASE_URL": f"http://127.0.0.1:{port}",
    }  # fmt: skip
    arguments = [a for a in SMALL_RIDGE if a != "logger=none"]
    done = train("-m", *arguments, "phenotype=23C,cu", cwd=tmp_path, **logged_in)
    assert done.returncode == 0, done.stderr
    output = done.stdout + done.stderr
    assert output.count("logs offline from now on") == output.count("does not answer") == 1
    assert len(offline_files(tmp_path)) == 2
    assert not list((tmp_path / "wandb").glob("run-*"))  # none that W&B's client still waits for
    assert Path(done.stdout.splitlines()[-1].removeprefix("results: ")).exists()


@pytest.mark.slow
def test_a_server_that_goes_away_is_waited_for_once(tmp_path):
    """Of three runs that it does not take any more, one waits; the next is offline at once."""
    done = call("-m", "tests.helpers.wandb_lost", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "online: [True, True, True], then [False]\n"
    assert done.stderr.count("W&B: Timed out") == 1
    assert done.stderr.count("logs offline from now on") == 1
    assert len(list((tmp_path / "wandb").glob("run-*"))) == 3  # which `wandb sync` can send


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [{"WANDB_MODE": "bogus"}, {"WANDB_API_KEY": "abc", "WANDB_MODE": "online"}, "project", "file"],
)
def test_what_wandb_refuses_does_not_cost_the_run(tmp_path, fault):
    arguments = [a for a in SMALL if a != "logger=none"]
    environment = fault if isinstance(fault, dict) else {}
    if fault == "project":
        arguments.append("logger.project=a/b")
    if fault == "file":
        (tmp_path / "wandb").write_text("a file where a folder should be")
    done = train(*but(arguments, "trainer.max_epochs=1"), cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    folder = Path(done.stdout.splitlines()[-1].removeprefix("run: "))
    assert (folder / "metrics.json").exists()
