"""Fixtures: a small config, a logged study, the real cross."""

import os
from pathlib import Path

import pytest

from tests.helpers.command import ROOT, sweep, train
from tests.helpers.configs import SMALL, compose, paths


@pytest.fixture
def small(tmp_path):
    """A config of a run that takes a second, with more overrides: `small("seed=1")`."""
    return lambda *overrides: compose(*SMALL, *paths(tmp_path), *overrides)


@pytest.fixture(scope="session")
def wandb_study(tmp_path_factory):
    """The folder of a study that is logged offline, one of its runs by `train.py` before it."""
    from tests.helpers.wandb_files import BEFORE, STUDY

    folder = tmp_path_factory.mktemp("study")
    assert train(*BEFORE, cwd=folder).returncode == 0
    done = sweep(*STUDY, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "12 runs: 11 pending, 1 done" in done.stdout  # the factors do not change a signature
    return folder


@pytest.fixture
def byxrm_folder():
    """The folder that holds the real BYxRM cross."""
    folder = Path(os.environ.get("G2P_DATA", ROOT / "data")) / "byxrm"
    if not folder.is_dir():
        pytest.skip(f"the BYxRM files are not in {folder} (set G2P_DATA to the folder above)")
    return folder
