"""A Slurm that the tests start themselves."""

import os
import shutil
import subprocess

import pytest

from tests.helpers.command import ROOT

PROGRAMS = ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd", "srun", "sacct")


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """The directory of a Slurm of one node with accounting, started once."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    absent = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    if absent or os.geteuid() != 0:
        pytest.skip(f"starting a Slurm needs root and {', '.join(absent) or 'nothing else'}")
    directory = tmp_path_factory.mktemp("slurm")
    script = [str(ROOT / "tests" / "helpers" / "slurm.sh")]
    log = directory / "start.log"
    with log.open("w") as out:  # no pipe: the daemons would keep it open
        started = subprocess.run(
            [*script, "start", str(directory)], stdout=out, stderr=out, timeout=180, check=False
        )
    assert started.returncode == 0, log.read_text()
    os.environ["SLURM_CONF"] = str(directory / "slurm.conf")
    yield directory
    del os.environ["SLURM_CONF"]
    subprocess.run([*script, "stop", str(directory)], check=True, capture_output=True, timeout=120)
