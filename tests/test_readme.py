"""Every command of the README but the two set-up ones, on a small panel."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from g2p.data.byxrm import GENOTYPES, PHENOTYPES
from tests.conftest import ROOT, paths, train

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.strip().splitlines()]


def shrunk(words: list[str]) -> list[str]:
    """The same command on a small panel, for one epoch."""
    small = {} if "data=byxrm" in words else {"data.strains": "200", "data.loci": "32"}
    if "data=epistasis" in words:
        small["data.strains"] = "2000"  # among fewer, too few loci are balanced
    small |= {} if "model=ridge" in words else {"trainer.max_epochs": "1"}
    others = [word for word in words if word.partition("=")[0] not in small]
    return [*others, *(f"{key}={value}" for key, value in small.items())]


def write_small_byxrm(folder):
    """A cross of 120 strains in the two files' format."""
    rng = np.random.default_rng(0)
    alleles = rng.choice(["B", "R"], (30, 120))
    strains = [f"A{i}" for i in range(120)]
    lines = ["\t".join(["marker", *strains])]
    for i, row in enumerate(alleles):
        lines.append("\t".join([f"{i}_chr{i // 10 + 1:02d}_{i * 100}_T_C", *row]))
    folder.mkdir(parents=True)
    (folder / GENOTYPES).write_text("\n".join(lines) + "\n")
    growth = (alleles[:5] == "R").sum(axis=0) + rng.standard_normal(120)
    rows = [f"{strain}\t{value}" for strain, value in zip(strains, growth, strict=True)]
    (folder / PHENOTYPES).write_text("\n".join(["\tYPD", *rows]) + "\n")


def test_there_are_commands():
    assert len(COMMANDS) >= 12
    assert all(command.startswith("python ") for command in COMMANDS)
    others = re.sub(r"```bash\n.*?```", "", README, flags=re.DOTALL)
    (setup,) = re.findall(r"```\n(.*?)```", others, flags=re.DOTALL)  # no other block goes untested
    commands = [line.partition("#")[0].strip() for line in setup.strip().splitlines()]
    assert commands == ["make train", "make test"]


@pytest.mark.parametrize("command", [c for c in COMMANDS if "train.py" in c])
def test_a_command_of_the_readme(tmp_path, command):
    words = shlex.split(command)[2:]
    if "--help" not in words:
        words = shrunk(words)
    write_small_byxrm(tmp_path / "data" / "byxrm")
    done = train(*words, cwd=tmp_path, G2P_DATA=str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    if "--help" not in words:
        assert done.stdout.splitlines()[-1].startswith("run: ")


def test_the_averaging_command_of_the_readme(tmp_path):
    (command,) = [c for c in COMMANDS if "g2p.results.average" in c]
    sweep = COMMANDS[COMMANDS.index(command) - 1]
    small = [*shrunk(shlex.split(sweep)[2:]), "phenotype=30C", "logger=none"]
    assert train(*small, cwd=tmp_path).returncode == 0
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "3 seeds" in done.stdout


SMALL_BENCHMARK = {
    "benchmarks.rijal_step": ["--loci", "40", "--batch", "4", "--rounds", "1"],
    "benchmarks.byxrm_cv": ["--folds", "3"],
    "benchmarks.epistasis": ["data.strains=600", "data.markers=400", "data.loci=10"],
}


@pytest.mark.parametrize("command", [c for c in COMMANDS if "benchmarks" in c])
def test_a_benchmark_of_the_readme(tmp_path, command):
    words = shlex.split(command)[1:]
    small = [*SMALL_BENCHMARK[words[1]], "--out", str(tmp_path)]
    if words[1] == "benchmarks.byxrm_cv":
        write_small_byxrm(tmp_path / "data" / "byxrm")
        small.append(f"paths.data={tmp_path / 'data'}")
    if words[1] != "benchmarks.rijal_step":
        small += paths(tmp_path)
    done = subprocess.run(
        [sys.executable, *words, *small], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (result,) = tmp_path.glob("*.json")
    assert json.loads(result.read_text())
    assert "┃" in done.stdout
