"""Fixtures: a small config, a logged study, the real cross."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from tests.helpers.command import ROOT, sweep, train
from tests.helpers.configs import SMALL, compose, paths


@pytest.fixture
def small(tmp_path):
    """A config of a run that takes a second, with more overrides: `small("seed=1")`."""
    return lambda *overrides: compose(*SMALL, *paths(tmp_path), *overrides)


@pytest.fixture(scope="session")
def wandb_study(tmp_path_factory):
    """The directory of a study that is logged offline, one of its runs by `train.py` before it.

    The first of several workers that needs it trains it; each worker has a copy.
    """
    directory = tmp_path_factory.mktemp("study")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        train_wandb_study(directory)
        return directory
    common = tmp_path_factory.getbasetemp().parent / "wandb_study"
    with FileLock(f"{common}.lock"):
        if not common.exists():
            draft = tmp_path_factory.mktemp("draft")
            train_wandb_study(draft)
            draft.rename(common)
    shutil.copytree(common, directory, symlinks=True, dirs_exist_ok=True)
    return directory


def train_wandb_study(directory: Path) -> None:
    from tests.helpers.wandb_files import BEFORE, STUDY

    assert train(*BEFORE, cwd=directory, WANDB_MODE="offline").returncode == 0
    done = sweep(*STUDY, cwd=directory, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    assert "12 runs: 11 pending, 1 done" in done.stdout  # the factors do not change a signature


@pytest.fixture
def byxrm_folder():
    """The folder that holds the real BYxRM cross."""
    folder = Path(os.environ.get("G2P_DATA", ROOT / "data")) / "byxrm"
    if not folder.is_dir():
        pytest.skip(f"the BYxRM files are not in {folder} (set G2P_DATA to the folder above)")
    return folder
