"""Launchers and sweepers that come with an extra: their options, and a message without it."""

import pytest

from tests.helpers.command import ROOT, call, train

OPTIONS = {
    "joblib": ("hydra.launcher.verbose=3", "verbose: 3"),
    "submitit_local": ("hydra.launcher.stderr_to_stdout=true", "stderr_to_stdout: true"),
    "submitit_slurm": ("hydra.launcher.qos=high", "qos: high"),
    "ray": ("+hydra.launcher.ray.remote.memory=5", "memory: 5"),
}


@pytest.mark.parametrize("launcher", OPTIONS)
def test_a_ready_config_has_the_options_of_its_plugin(tmp_path, launcher):
    override, line = OPTIONS[launcher]
    config = ("--cfg", "hydra", "-p", "hydra.launcher")
    done = train(f"hydra/launcher={launcher}", override, *config, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert line in done.stdout and "_target_: hydra_plugins.g2p." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "override", "extra"),
    [
        ("train.py -m seed=0,1", "hydra/sweeper=optuna", "search"),
        ("train.py -m seed=0,1", "hydra/launcher=joblib", "launchers"),
        ("train.py -m seed=0,1", "hydra/launcher=submitit_local", "launchers"),
        ("train.py -m seed=0,1", "hydra/launcher=submitit_slurm", "launchers"),
        ("train.py -m seed=0,1", "hydra/launcher=ray", "ray"),
        ("sweep.py study=multienv size=smoke", "hydra/launcher=joblib", "launchers"),
        ("sweep.py study=multienv size=smoke", "hydra/launcher=submitit_slurm", "launchers"),
        ("sweep.py study=multienv size=smoke", "hydra/launcher=ray", "ray"),
    ],
)
def test_an_extra_that_is_not_installed_is_named(tmp_path, arguments, override, extra):
    file, *rest = arguments.split()
    module = ("-m", "tests.helpers.without_plugins")
    done = call(*module, str(ROOT / file), *rest, override, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {override} is not installed. pip install -e '.[{extra}]' installs it.\n"
    )
