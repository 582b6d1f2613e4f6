"""The command `g2p`: which commands there are, and how it ends."""

import os
import subprocess
import sys
import tomllib
from importlib import import_module

import pytest

from g2p.__main__ import COMMANDS, main
from tests.helpers.command import ROOT, call, started


def test_every_command_has_its_main():
    for module, _ in COMMANDS.values():
        assert callable(import_module(f"g2p.cli.{module}").main)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_its_help(tmp_path, command):
    done = call("-m", "g2p", command, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 100


@pytest.mark.parametrize(
    ("arguments", "typed", "other"),
    [
        (["-m", "g2p", "train", "--help"], "\ng2p train -m key=a,b,c ", "train.py"),
        (["train.py", "--help"], "\npython train.py -m key=a,b,c ", "g2p train "),
        (["-m", "g2p", "sweep", "--help"], "`g2p sweep study=NAME", "sweep.py"),
        (["-m", "g2p", "sweep", "--help"], "set a key of g2p train for", "train.py"),
        (["sweep.py", "--help"], "`python sweep.py study=NAME", "g2p sweep"),
        (["-m", "g2p", "runs", "--help"], "value of a key of g2p train", ".py"),
        (["-m", "g2p", "panel", "--help"], "g2p train --help lists them", "train.py"),
        (["-m", "g2p", "train", "study=ladder"], "g2p sweep study=ladder trains", "sweep.py"),
        (["train.py", "study=ladder"], "python sweep.py study=ladder trains", "g2p"),
        (["-m", "g2p", "sweep", "--nosuch"], "is not a flag of g2p sweep.", "sweep.py"),
        (["-m", "g2p", "runs", "a"], "key=value, as for g2p train, or", "train.py"),
    ],
)
def test_help_and_messages_name_the_command_that_was_typed(tmp_path, arguments, typed, other):
    done = call(*arguments, cwd=tmp_path)
    printed = done.stdout + done.stderr
    if "panel" in arguments:  # argparse wraps its lines
        printed = " ".join(printed.split())
    assert typed in printed and other not in printed


def test_the_help_of_g2p_names_them(tmp_path):
    for arguments in ([], ["--help"]):
        done = call("-m", "g2p", *arguments, cwd=tmp_path)
        assert done.returncode == 0
        assert all(f"  {name} " in done.stdout for name in COMMANDS)


def test_an_unknown_command_is_one_message(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["g2p", "trian", "seed=1"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: trian is not a command of g2p. Did you mean 'train'? See g2p --help.\n"
    )


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("g2p.data", "panel"), ("g2p.predict", "predict"), ("g2p.published", "pretrained"),
        ("g2p.results.average", "average"),
    ],
)  # fmt: skip
def test_a_module_that_was_a_command_names_the_new_one(tmp_path, module, command):
    done = started("-m", module, "run=x", cwd=tmp_path)
    assert command in COMMANDS and done.returncode == 2 and not done.stdout
    assert done.stderr == (
        f"error: python -m {module} is g2p {command} now. See g2p {command} --help.\n"
    )


def test_a_run_is_one_command_away(tmp_path):
    small = ("model=ridge", "data.strains=200", "data.loci=32", "logger=none", "phenotype=YPD")
    done = call("-m", "g2p", "train", *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = done.stdout.splitlines()[-1].removeprefix("run: ")
    again = call("-m", "g2p", "runs", "model=ridge", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert folder.rpartition("/")[2] in again.stdout


def test_the_installed_command_is_this_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"g2p": "g2p.__main__:main"}


@pytest.mark.parametrize("command", [["--help"], ["trian"], ["sweep", "--help"]])
def test_help_that_nobody_reads_is_no_traceback(command, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "g2p", *command], cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        process.stdout.close()  # before anything is printed, as `| head -0` does
        assert "Traceback" not in process.stderr.read()
        assert process.wait(timeout=60) == (2 if command == ["trian"] else 0)
