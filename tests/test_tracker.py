"""Weights & Biases: the offline file, read back record by record."""

import json
import struct
from pathlib import Path

import pytest

from g2p.run import run
from tests.conftest import SMALL, compose, paths, train

BLOCK = 32 * 1024


def records(path: Path):
    """The records of an offline `.wandb` file: LevelDB's log framing around protobuf messages."""
    from wandb.proto.wandb_internal_pb2 import Record

    data = path.read_bytes()
    assert data[:4] == b":W&B"
    at, parts = 7, []
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK
        if left < 7:  # a block's tail too short for a header is padding
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        if kind == 0:
            break
        parts.append(data[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            record = Record()
            record.ParseFromString(b"".join(parts))
            parts = []
            yield record


def content(path: Path) -> dict:
    """What was logged: run, config, history rows, summary, files, artifacts."""
    found = {"history": [], "summary": {}, "config": {}, "files": [], "artifacts": [], "run": None}

    def key(item) -> str:
        return item.key or "/".join(item.nested_key)

    for record in records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found["run"] = record.run
            found["config"] |= {u.key: json.loads(u.value_json) for u in record.run.config.update}
        elif kind == "history":
            row = {key(item): json.loads(item.value_json) for item in record.history.item}
            found["history"].append(row)
        elif kind == "summary":
            found["summary"] |= {key(u): json.loads(u.value_json) for u in record.summary.update}
        elif kind == "files":
            found["files"] += [f.path for f in record.files.files]
        elif kind == "artifact":
            found["artifacts"].append(record.artifact)
        elif kind == "request" and record.request.HasField("log_artifact"):
            found["artifacts"].append(record.request.log_artifact.artifact)
    return found


def offline_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))


@pytest.fixture(scope="module")
def multirun(tmp_path_factory):
    """Two jobs of one multirun, logged offline."""
    folder = tmp_path_factory.mktemp("wandb")
    arguments = [a for a in SMALL if a != "logger=none"]
    done = train("-m", *arguments, "phenotype=23C,cu", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_offline_file_holds_the_runs_numbers(multirun):
    logged = {c["run"].run_id: c for c in map(content, offline_files(multirun))}
    folders = [f for f in (multirun / "runs").iterdir() if f.is_dir()]
    assert set(logged) == {f.name for f in folders}  # each job is a W&B run of its own
    for folder in folders:
        metrics = json.loads((folder / "metrics.json").read_text())
        seen = logged[folder.name]
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


def test_the_jobs_of_a_multirun_share_a_group(multirun):
    groups = {content(file)["run"].run_group for file in offline_files(multirun)}
    assert len(groups) == 1
    assert groups != {""}


def test_a_resumed_run_logs_its_earlier_epochs_too(tmp_path, monkeypatch):
    """A killed process can lose its copy, so the next one sends all of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    arguments = [a for a in SMALL if a != "logger=none"]
    config = compose(*arguments, *paths(tmp_path))
    folder = run(config)
    for name in ("metrics.json", "predictions.parquet"):
        (folder / name).unlink()
    run(config)
    first, second = map(content, offline_files(tmp_path))
    assert [r for r in second["history"] if "val_loss" in r] != []
    for a, b in zip(first["history"][:3], second["history"][:3], strict=True):
        assert a["val_loss"] == b["val_loss"]


def test_without_a_logger_wandb_is_not_imported(tmp_path):
    done = train(*SMALL, "trainer.max_epochs=1", cwd=tmp_path, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "torch" in imported
    assert "wandb" not in imported
    assert not (tmp_path / "wandb").exists()


def test_a_wandb_that_cannot_be_reached_does_not_cost_the_run(tmp_path):
    """Logged in, but the server refuses: the run ends, its file is kept offline."""
    arguments = [a for a in SMALL if a != "logger=none"]
    logged_in = {
        "WANDB_MODE": "", "WANDB_API_KEY": "0" * 40, "WANDB_INIT_TIMEOUT": "5",
        "WANDB_BASE_URL": "http://127.0.0.1:9",
    }  # fmt: skip
    done = train(*arguments, "trainer.max_epochs=1", cwd=tmp_path, **logged_in)
    assert done.returncode == 0, done.stderr
    assert "logged offline from here on" in done.stdout + done.stderr
    assert len(offline_files(tmp_path)) == 1
    assert Path(done.stdout.splitlines()[-1].removeprefix("run: ")).exists()


@pytest.mark.parametrize(
    "fault",
    [{"WANDB_MODE": "bogus"}, {"WANDB_API_KEY": "abc", "WANDB_MODE": ""}, "project", "file"],
)
def test_what_wandb_refuses_does_not_cost_the_run(tmp_path, fault):
    arguments = [a for a in SMALL if a != "logger=none"]
    environment = fault if isinstance(fault, dict) else {}
    if fault == "project":
        arguments.append("logger.project=a/b")
    if fault == "file":
        (tmp_path / "wandb").write_text("a file where a folder should be")
    done = train(*arguments, "trainer.max_epochs=1", cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    folder = Path(done.stdout.splitlines()[-1].removeprefix("run: "))
    assert (folder / "metrics.json").exists()
