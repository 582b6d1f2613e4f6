"""A study in Weights & Biases: its runs, its summary run, its workspace."""

import json
import logging
import shutil

import pyarrow.parquet as pq
import pytest

from g2p.study import wandb_summary as summary_run
from g2p.study.design import load_study
from g2p.study.expand import resolve
from g2p.study.wandb_summary import log_summary
from tests.helpers.command import sweep
from tests.helpers.configs import paths
from tests.helpers.wandb_files import NAME, STUDY, logged, offline_files
from tests.helpers.wandb_server import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def again(wandb_study, tmp_path):
    """A copy of the study, to continue."""
    return shutil.copytree(wandb_study, tmp_path / "again", symlinks=True)


@pytest.fixture(scope="module")
def runs(wandb_study):
    return logged(wandb_study)


def by_job_type(runs: list[dict], job_type: str) -> list[dict]:
    return [c for c in runs if c["run"].job_type == job_type]


def test_the_runs_carry_group_factors_and_tags(wandb_study, runs):
    table = pq.read_table(wandb_study / "studies" / NAME / "results.parquet").to_pylist()
    facts = {row["signature"]: row for row in table}
    of_study = by_job_type(runs, "run")
    assert len(of_study) == 11
    for seen in of_study:
        row = facts[seen["run"].run_id]
        assert seen["run"].run_group == NAME
        assert seen["config"]["study"] == {"name": "layers", "size": "smoke"}
        assert seen["config"]["factor"] == {
            "model": row["model"], "model_num_layers": row["model.num_layers"],
            "phenotypes": row["phenotype"], "seed": 0,
        }  # fmt: skip
        assert list(seen["run"].tags) == [
            f"study={NAME}", f"model={row['model']}", f"model.num_layers={row['model.num_layers']}",
            f"phenotypes={row['phenotype']}", "seed=0",
        ]  # fmt: skip


def test_what_was_trained_before_is_not_sent_again(again, runs):
    (before,) = by_job_type(runs, "")
    assert before["run"].run_group == "" and "factor" not in before["config"]
    ids = [c["run"].run_id for c in runs]
    assert len(ids) == len(set(ids)) == 12 + 1
    assert sweep(*STUDY, cwd=again, WANDB_MODE="offline").returncode == 0
    assert len(offline_files(again)) == 13  # nothing changed: no summary either
    assert sweep(*STUDY, "logger.tags=[mine]", cwd=again, WANDB_MODE="offline").returncode == 0
    (_, second) = by_job_type(logged(again), "study")
    assert second["run"].run_id == f"study-{NAME}"  # one run in W&B, when it is sent
    assert list(second["run"].tags) == ["mine", f"study={NAME}"]


def test_the_summary_run_holds_tables_figures_and_report(wandb_study, runs):
    (seen,) = by_job_type(runs, "study")
    assert seen["run"].run_group == NAME and seen["run"].run_id == f"study-{NAME}"
    assert seen["exit_code"] == 0
    assert seen["config"]["arm"] == "model"
    assert seen["summary"]["runs"] == seen["summary"]["done"] == 12
    file = next(f for f in offline_files(wandb_study) if f.parent.name.endswith(f"study-{NAME}"))
    (row,) = seen["history"]
    media = {
        key.removesuffix("/path"): file.parent / "files" / path
        for key, path in row.items() if key.endswith("/path")
    }  # fmt: skip
    folder = wandb_study / "studies" / NAME
    results = pq.read_table(folder / "results.parquet")
    table = json.loads(media["results"].read_text())
    assert table["columns"] == results.column_names
    sent = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [row["split"] for row in sent] == ["test"] * 12 + ["val"] * 12
    keyed = {(row["signature"], row["split"]): row for row in results.to_pylist()}
    assert all(row == keyed[row["signature"], row["split"]] for row in sent)
    effects = pq.read_table(folder / "effects.parquet").to_pylist()
    table = json.loads(media["effects"].read_text())
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert len(rows) == len(effects) == 2 * (2 + 1)  # of each model: layers in pairs, and the trend
    for shown, effect in zip(rows, effects, strict=True):
        assert all(shown[key] == effect[key] for key in ("arm", "a", "b", "level", "mean"))
        assert dict(json.loads(shown["by_phenotype"])) == dict(effect["by_phenotype"])
    assert media["report"].read_bytes() == (folder / "report.html").read_bytes()
    drawn = {f"figures/{path.stem}": path for path in (folder / "figures").glob("*.png")}
    assert len(drawn) >= 3
    assert all(media[key].read_bytes() == path.read_bytes() for key, path in drawn.items())
    artifacts = {a.name: {e.path for e in a.manifest.contents} for a in seen["artifacts"]}
    assert artifacts[f"study-{NAME}"] == {
        "results.parquet", "effects.parquet", "report.html", *(f"{key}.png" for key in drawn),
    }  # fmt: skip


@pytest.fixture(scope="module")
def unlogged(tmp_path_factory):
    """A study with logger=none."""
    folder = tmp_path_factory.mktemp("unlogged")
    done = sweep("study=baselines", "size=smoke", "logger=none", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_without_a_logger_nothing_is_sent(unlogged):
    assert not (unlogged / "wandb").exists()
    assert not (unlogged / "studies" / "baselines-smoke" / summary_run.NOTE).exists()


@pytest.mark.parametrize("fault", ["file", "project", "mode"])
def test_a_failing_wandb_does_not_fail_the_study(tmp_path, fault):
    overrides, environment = ["study=baselines", "size=smoke"], {}
    if fault == "file":
        (tmp_path / "wandb").write_text("a file where a folder should be")
    if fault == "project":
        overrides.append("logger.project=a/b")
    if fault == "mode":
        environment = {"WANDB_MODE": "bogus"}
    done = sweep(*overrides, cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "4 done" in done.stdout
    assert (tmp_path / "studies" / "baselines-smoke" / "report.html").exists()


@pytest.fixture
def collected(unlogged, tmp_path, monkeypatch):
    """What the summary of that study is made of: the study, its runs, a copy of its folder."""
    import wandb

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    wandb.teardown()  # it keeps the folder of its first run
    plan = load_study("baselines", "smoke", list)
    folder = shutil.copytree(unlogged / "studies" / "baselines-smoke", tmp_path / "study")
    yield plan, resolve(plan, list(paths(unlogged))), folder
    wandb.teardown()


@pytest.mark.parametrize("where", ["init", "Html", "Run.log", "Run.log_artifact", "Run.finish"])
def test_a_summary_that_fails_is_sent_by_the_next_call(collected, monkeypatch, caplog, where):
    import wandb

    def refused(*arguments, **options):
        raise RuntimeError("W&B says no")

    owner = wandb
    *above, name = where.split(".")
    for part in above:
        owner = getattr(owner, part)
    whole = getattr(owner, name)
    with caplog.at_level(logging.WARNING), monkeypatch.context() as broken:
        broken.setattr(owner, name, refused)
        log_summary(*collected)
        assert "W&B says no" in caplog.text
        assert not (collected[2] / summary_run.NOTE).exists()
    assert getattr(owner, name) is whole
    log_summary(*collected)
    assert (collected[2] / summary_run.NOTE).exists()


def test_logged_in_a_study_has_one_summary_and_one_workspace(again):
    with Server() as server:
        sent = sweep(*STUDY, "logger.tags=[online]", cwd=again, **server.login)
        assert sent.returncode == 0, sent.stderr
        twice = sweep(*STUDY, "logger.tags=[twice]", cwd=again, **server.login)
        assert twice.returncode == 0, twice.stderr
        assert set(server.runs) == {f"study-{NAME}"}
        summary = server.runs[f"study-{NAME}"]
        assert (summary["groupName"], summary["jobType"]) == (NAME, "study")
        assert f"study-{NAME}" in server.artifacts
        first = sweep(*STUDY, "--dashboard", cwd=again, **server.login)
        assert first.returncode == 0, first.stderr
        views = set(server.views)  # more than one where W&B's client lost an answer and asked again
        saved = sweep(*STUDY, "--dashboard", cwd=again, **server.login)
        assert saved.returncode == 0, saved.stderr
        assert views and set(server.views) == views  # the second call changed the first one's
        specs = [json.loads(view["spec"]) for view in server.views.values()]
    saved_workspace = json.loads((again / "studies" / NAME / "workspace.json").read_text())
    assert saved.stdout.splitlines()[-1] == f"dashboard: {saved_workspace['url']}"
    assert saved_workspace["url"].startswith(f"{server.url}/somebody/g2p?nw=")
    assert saved_workspace["spec"] in specs
