"""Every command of the README and the guide but the two set-up ones, on a small panel.

All of it is slow: two minutes.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from g2p.config.registry import choices
from tests.helpers.command import ROOT, call, train
from tests.helpers.configs import paths
from tests.helpers.sources import write_sources
from tests.helpers.stored_runs import six_runs
from tests.helpers.wandb_files import logged, offline_files
from tests.helpers.wandb_server import Server

pytestmark = pytest.mark.slow

PAGES = ("many-runs", "studies", "data", "outputs", "hardware", "own-code")
MANUAL_FILES = [ROOT / "README.md", *(ROOT / f"docs/guide/{page}.md" for page in PAGES)]
MANUAL = "\n".join(file.read_text() for file in MANUAL_FILES)
BLOCKS = re.findall(r"```bash\n(.*?)```", MANUAL, flags=re.DOTALL)
COMMANDS = [
    line for block in BLOCKS for line in block.strip().splitlines() if "my_conf" not in line
]  # those with code of one's own: tests/test_contributing.py
TRAINING = [command for command in COMMANDS if "train.py" in command]


EXPERIMENTS = {f"experiment={name}" for name in choices("experiment")}
# Sources that read files; `write_sources` writes a small one of each.
FILES = ("byxrm", "bbq", "bbq_li", "plink", "vcf", "table")


def shrunk(overrides: list[str]) -> list[str]:
    """Return the same command's overrides on a small panel, for one epoch."""
    is_experiment = bool(EXPERIMENTS & {*overrides})
    simulated = not is_experiment and not any(f"data={source}" in overrides for source in FILES)
    small = {"data.strains": "200", "data.loci": "32"} if simulated else {}
    if "data=epistasis" in overrides:
        small["data.strains"] = "2000"  # among fewer, too few loci are balanced
    if simulated and not re.search("phenotype|transfer|epistasis", " ".join(overrides)):
        small["phenotype"] = "[23C,25C]"  # figures of all 18 take longer than the training
    is_closed_form = any(item.startswith("model=ridge") for item in overrides)
    small |= {} if is_closed_form else {"trainer.max_epochs": "1"}
    small |= {"trainer.batch_size": "8"} if is_experiment else {}
    small |= {"data.sha256": "null"} if "data=bbq_li" in overrides else {}
    small |= {"split.n_train": "20,40,null"} if "split.n_train" in str(overrides) else {}
    small |= {"hydra.sweeper.n_trials": "2"} if "hydra/sweeper=optuna" in overrides else {}
    others = [item for item in overrides if item.partition("=")[0] not in small]
    return [*others, *(f"{key}={value}" for key, value in small.items())]


def arguments(command: str) -> list[str]:
    """Return the arguments of Python for a command of the README."""
    program, *rest = shlex.split(command)
    return rest if program == "python" else ["-m", "g2p", *rest]


def test_there_are_commands():
    assert len(COMMANDS) >= 12
    assert all(command.startswith(("python ", "g2p ")) for command in COMMANDS)
    others = re.sub(r"```(bash|python|py|yaml)\n.*?```", "", MANUAL, flags=re.DOTALL)
    (setup,) = re.findall(r"```\n(.*?)```", others, flags=re.DOTALL)  # no other block goes untested
    commands = [line.partition("#")[0].strip() for line in setup.strip().splitlines()]
    assert commands == ["make train", "make test"]


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", MANUAL, flags=re.DOTALL))
def test_python_of_the_readme(tmp_path, code):
    script = tmp_path / "script.py"
    script.write_text(code)
    done = call(str(script), cwd=tmp_path, WANDB_MODE="disabled")
    assert done.returncode == 0, done.stderr
    printed = done.stdout
    values = re.findall(r"-?\d+\.\d+", printed)
    assert values and "nan" not in printed.splitlines()[-1]


@pytest.fixture(scope="session")
def sources(tmp_path_factory) -> Path:
    """A directory of small panels, one of each source that reads files."""
    directory = tmp_path_factory.mktemp("data")
    write_sources(directory)
    return directory


@pytest.mark.parametrize("command", TRAINING)
def test_a_command_of_the_readme(tmp_path, sources, command):
    overrides = shlex.split(command)[2:]
    if "--help" not in overrides:
        overrides = shrunk(overrides)
    # W&B takes a second a run: the first command logs as all would, the others do not.
    mode = "offline" if command == TRAINING[0] else "disabled"
    done = train(*overrides, cwd=tmp_path, G2P_DATA=str(sources), WANDB_MODE=mode)
    assert done.returncode == 0, done.stderr
    if "--help" not in overrides:
        last = "results: " if "-m" in shlex.split(command) else "run: "
        assert done.stdout.splitlines()[-1].startswith(last)


def test_the_averaging_command_of_the_readme(tmp_path):
    (command,) = [c for c in COMMANDS if c.startswith("g2p average")]
    sweep = COMMANDS[COMMANDS.index(command) - 1]
    small = [*shrunk(shlex.split(sweep)[2:]), "logger=none"]
    assert train(*small, cwd=tmp_path).returncode == 0
    folders = sorted((tmp_path / "runs" / "seeds").glob("*"))  # as the shell does
    done = run_command(command.replace("runs/seeds/*", shlex.join(map(str, folders))), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 seeds" in done.stdout


def run_command(command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    return call(*arguments(command), cwd=cwd, **environment)


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if "sweep.py study" in c and "--dashboard" not in c]
)
def test_a_study_of_the_readme(tmp_path, command):
    alone = command.endswith("size=smoke")  # trains: two runs instead of 26
    if alone:
        command = command.replace("study=ladder", "study=canonical")
    done = run_command(f"{command} logger=none", tmp_path)
    untrained = "--collect" in command
    assert done.returncode == (1 if untrained else 0), done.stderr
    assert ("2 done" if alone else "26 pending") in done.stdout


def test_the_listing_commands_of_the_readme(tmp_path):
    six_runs(tmp_path / "runs")
    every, matching, ranked, failed, pruned = (c for c in COMMANDS if c.startswith("g2p runs"))
    for command, line in (
        (every, "6 runs"), (matching, "2 runs in"), (ranked, "csv: runs.csv"),
        (failed, "1 run in"), (pruned, "Deleted 1 run."),
    ):  # fmt: skip
        done = run_command(command, tmp_path)
        assert done.returncode == 0, done.stderr
        assert line in done.stdout


def test_the_dashboard_command_of_the_readme(tmp_path):
    (command,) = [c for c in COMMANDS if "--dashboard" in c]
    done = run_command(command, tmp_path)
    assert done.returncode == 0, done.stderr
    file = tmp_path / "studies" / "ladder-smoke" / "workspace.json"
    assert f"dashboard: {file}" in done.stdout and file.stat().st_size > 10_000


def test_the_sync_command_of_the_readme(wandb_study, tmp_path):
    """The real command, a study's runs, and what a killed run leaves; the server is a local one."""
    (command,) = [c for c in COMMANDS if "-m wandb" in c]
    folder = shutil.copytree(wandb_study, tmp_path / "study", symlinks=True)
    runs = {c["run"].run_id: c for c in logged(folder)}
    killed = folder / "wandb" / "offline-run-20260101_000000-killed"
    killed.mkdir()
    (killed / "run-killed.wandb").write_bytes(offline_files(folder)[1].read_bytes()[:7])

    def sync() -> str:
        python = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            command, shell=True, cwd=folder, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL, env={**os.environ, **server.login, "PATH": python},
        )  # fmt: skip
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        assert not any(item in output.lower() for item in ("deprecat", "traceback", "error"))
        return output

    with Server() as server:
        assert f"Syncing {len(runs)} run(s)" in sync()
        assert set(server.runs) == set(runs)
        for name, run in runs.items():
            assert len(server.history[name]) == len(run["history"])
            sent = server.runs[name]
            assert (sent.get("groupName") or "") == run["run"].run_group
            assert (sent.get("tags") or []) == list(run["run"].tags)
            assert json.loads(sent["config"]).keys() >= run["config"].keys()
        assert "No runs to sync" in sync()


def test_the_summary_command_of_the_readme(tmp_path, sources):
    (command,) = [c for c in COMMANDS if c.startswith("g2p panel")]
    done = run_command(command, tmp_path, G2P_DATA=str(sources))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("figures: ")


def test_the_predicting_commands_of_the_readme(tmp_path, sources):
    commands = [c for c in COMMANDS if c.startswith(("g2p predict", "g2p score"))]
    assert len(commands) == 2
    table = ("data=table", "data.coding=0/1/2", "model=ridge", "logger=none")
    run = train(*table, cwd=tmp_path, G2P_DATA=str(sources))
    signature = Path(run.stdout.splitlines()[-1]).name
    for command in commands:
        command = command.replace("SIGNATURE", signature)
        done = run_command(command, tmp_path, G2P_DATA=str(sources))
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "predictions.csv").stat().st_size > 1000
    assert (tmp_path / "scores.csv").read_text().startswith('"phenotype","n","r2","pearson"')


def test_the_explaining_commands_of_the_readme(tmp_path):
    commands = [c for c in COMMANDS if c.startswith("g2p explain")]
    assert len(commands) == 2
    run = train("data.strains=200", "data.loci=16", "model=ridge", "logger=none", cwd=tmp_path)
    signature = Path(run.stdout.splitlines()[-1]).name
    for command in commands:
        done = run_command(command.replace("SIGNATURE", signature), tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / signature / "explain" / "effects.png").exists()


SMALL_BENCHMARK = {
    "benchmarks.rijal_step": ["--loci", "40", "--batch", "4", "--rounds", "1"],
    "benchmarks.panel_scale": ["--strains", "300", "--loci", "200", "--text-loci", "50"],
    "benchmarks.large_ridge": ["--size", "300", "--strains", "400", "--loci", "300"],
    "benchmarks.other_ridges": ["--sizes", "300x200"],
    "benchmarks.collect_scale": ["--runs", "100"],
    "benchmarks.overhead": ["--runs", "2", "--models", "ridge"],
    "benchmarks.step": ["--loci", "8,16,32", "--batch", "16", "--seconds", "0.01"],
    "benchmarks.packed": ["--rounds", "1", "--epochs", "2", "--members", "2", "--most-loci", "16"],
    "benchmarks.epistasis": ["data.strains=600", "data.markers=400", "data.loci=10"],
}


@pytest.mark.parametrize(  # benchmarks.gpu is run by tests/test_benchmarks.py
    "command", [c for c in COMMANDS if "benchmarks" in c and "benchmarks.gpu" not in c]
)
def test_a_benchmark_of_the_readme(tmp_path, sources, command):
    command_line = shlex.split(command)[1:]
    name = command_line[1]
    small = [*SMALL_BENCHMARK[name], "--out", str(tmp_path)]
    if name == "benchmarks.epistasis":
        small += paths(tmp_path)
    done = call(*command_line, *small, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (result,) = tmp_path.glob("*.json")
    assert json.loads(result.read_text())
    assert "┃" in done.stdout


def test_every_command_is_run_by_a_test():
    kinds = (
        "train.py", "sweep.py", "-m benchmarks.", "-m wandb sync",
        "g2p average", "g2p explain", "g2p panel", "g2p predict", "g2p score", "g2p runs",
    )  # fmt: skip
    assert all(any(kind in command for kind in kinds) for command in COMMANDS)
