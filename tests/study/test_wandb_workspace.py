"""A study's workspace in Weights & Biases names what its runs log, and is a file where it must."""

import json
import re
import shutil

import pytest

from g2p.study.design import load_study, plan
from g2p.study.expand import resolve
from g2p.study.wandb_workspace import _axes, _key
from tests.helpers.command import started, sweep
from tests.helpers.configs import paths
from tests.helpers.wandb_files import NAME, STUDY, logged
from tests.helpers.wandb_server import Server

pytestmark = pytest.mark.slow

SMALL = ["data.strains=300", "data.loci=24", "logger=wandb"]


@pytest.fixture(scope="module")
def workspace(wandb_study):
    """The file that the command writes for a user who is not logged in."""
    done = sweep(*STUDY, "--dashboard", cwd=wandb_study, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    file = wandb_study / "studies" / NAME / "workspace.json"
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("dashboard: ")]
    assert line.startswith(f"dashboard: {file} (log in to W&B")
    return json.loads(file.read_text())


def panels(workspace: dict) -> list[dict]:
    bank = workspace["spec"]["section"]["panelBankConfig"]["sections"]
    return [panel for section in bank for panel in section["panels"]]


def keys_of(config: dict, path: str = "") -> set[str]:
    """As W&B stores a config: a.value.b for b in a."""
    keys = set()
    for key, value in config.items():
        name = f"{path}.{key}" if path else f"{key}.value"
        keys |= {name} | (keys_of(value, name) if isinstance(value, dict) else set())
    return keys


def test_every_name_is_one_that_the_runs_log(wandb_study, workspace):
    runs = [c for c in logged(wandb_study) if c["run"].job_type == "run"]
    history = {key for c in runs for row in c["history"] for key in row}
    summary = {key for c in runs for key in c["summary"]}
    config = set.intersection(*(keys_of(c["config"]) for c in runs))
    of_kind = {"Run History Line Plot": history, "Bar Chart": summary}
    kinds = set()
    for panel in panels(workspace):
        kind, options = panel["viewType"], panel["config"]
        kinds.add(kind)
        if kind == "Scatter Plot":
            assert options["xAxis"].removeprefix("config:") in config
            assert options["yAxis"].removeprefix("summary:") in summary
            continue
        assert options["metrics"] and set(options["metrics"]) <= of_kind[kind]
        assert options["groupBy"] in config
        if kind == "Run History Line Plot":
            assert options["xAxis"] in history
    assert kinds == {"Run History Line Plot", "Bar Chart", "Scatter Plot"}
    (run_set,) = workspace["spec"]["section"]["runSets"]
    assert {key["name"] for key in run_set["grouping"]} <= config
    pinned = {key.partition(":")[2] for key in run_set["runFeed"]["columnPinned"]}
    assert pinned - {"displayName"} <= summary


def test_a_panel_for_each_phenotype_model_and_layer_count(workspace):
    of_kind = {}
    for panel in panels(workspace):
        of_kind.setdefault(panel["viewType"], []).append(panel["config"])
    lines = [config["metrics"] for config in of_kind["Run History Line Plot"]]
    assert lines == [["val_r2/23C"], ["val_r2/cu"]]
    bars = [(config["metrics"], config["groupBy"]) for config in of_kind["Bar Chart"]]
    assert bars == [
        (["test_r2_mean"], "model.value.name"),
        (["test_r2/23C"], "model.value.name"),
        (["test_r2/cu"], "model.value.name"),
        (["test_r2_mean"], "model.value.num_layers"),
    ]
    (scatter,) = of_kind["Scatter Plot"]
    assert scatter["xAxis"] == "config:model.value.num_layers"
    assert scatter["yAxis"] == "summary:test_r2_mean"


def test_the_run_set_is_the_study(wandb_study, workspace):
    """Its group, without the summary run, and the run that was trained before it."""
    (run_set,) = workspace["spec"]["section"]["runSets"]
    filters = [(f["key"]["name"], f["op"], f["value"], f.get("connector"))
               for f in run_set["filters"]["filters"]]  # fmt: skip
    (before,) = [c["run"].run_id for c in logged(wandb_study) if not c["run"].run_group]
    assert filters == [
        ("group", "=", NAME, None), ("jobType", "=", "run", "AND"), ("name", "IN", [before], "OR"),
    ]  # fmt: skip
    assert [key["name"] for key in run_set["grouping"]] == ["model.value.name"]


@pytest.mark.parametrize("group", ["it's", 'a "b"', "lr = 3 < 4", "\\"])
def test_a_group_of_any_name(wandb_study, tmp_path, group):
    copy = shutil.copytree(wandb_study, tmp_path / "copy", symlinks=True)
    word = "logger.group='" + group.replace("\\", "\\\\").replace("'", "\\'") + "'"
    done = sweep(*STUDY, "--dashboard", word, cwd=copy, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    file = copy / "studies" / NAME / "workspace.json"
    (run_set,) = json.loads(file.read_text())["spec"]["section"]["runSets"]
    assert run_set["filters"]["filters"][0]["value"] == group


@pytest.mark.parametrize(
    ("name", "key", "axes"),
    [
        ("layers", "model.name", ["model.num_layers"]),  # runs trained elsewhere have it, too
        ("factorial", "model.skip", ["model.num_layers"]),
        ("ladder", "factor.rung", ["model.num_layers"]),
        ("baselines", "model.name", []),
        ("epistasis", "model.name", ["model.num_layers", "data.epsilon"]),
    ],
)
def test_the_key_and_axes_of_a_study(tmp_path, name, key, axes):
    declared = load_study(name, "smoke", lambda common: ["23C", "cu"])
    runs = resolve(declared, [*paths(tmp_path)])
    assert (_key(declared, runs), _axes(runs)) == (key, axes)


def test_two_arms_of_one_model_have_a_key_each(tmp_path):
    arms = {"narrow": {"model.embedding_dim": 16}, "wide": {"model.embedding_dim": 32}}
    declared = {"factors": {"width": arms}, "sizes": {"smoke": {}}}
    study = plan("mine", "smoke", declared, list)
    assert _key(study, resolve(study, [*SMALL, *paths(tmp_path)])) == "factor.width"


def test_without_the_extra_it_says_how_to_get_it(tmp_path):
    (tmp_path / "wandb_workspaces.py").write_text("raise ImportError('not here')")
    arguments = ("sweep.py", "study=baselines", "size=smoke", "--dashboard")
    done = started(*arguments, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "pip install -e '.[dashboards]'" in done.stderr
    assert len(re.findall("error:", done.stderr)) == 1


def test_without_a_logger_there_is_nothing_to_show(tmp_path):
    done = sweep("study=baselines", "size=smoke", "--dashboard", "logger=none", cwd=tmp_path)
    assert done.returncode == 1 and "remove logger=none" in done.stderr


def test_a_wandb_that_refuses_leaves_the_file(wandb_study, tmp_path):
    copy = shutil.copytree(wandb_study, tmp_path / "copy", symlinks=True)
    with Server() as server:
        server.UpsertView2 = None  # the server does not know it
        done = sweep(*STUDY, "--dashboard", cwd=copy, **server.login)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert "(W&B did not accept it: " in done.stdout
    assert json.loads((copy / "studies" / NAME / "workspace.json").read_text())["url"] is None
