"""The wheel, built and installed where no checkout is: it trains, predicts and sweeps."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.helpers.command import ROOT

SMALL = ("data.strains=120", "data.loci=20", "logger=none")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel that pip builds from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--wheel-dir", folder, ROOT],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    (file,) = folder.glob("g2p-*.whl")
    return file


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """The Python of an environment with the wheel, and with the packages of this one but g2p."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    with ZipFile(wheel) as archive:  # as pip does, without the packages that g2p needs
        archive.extractall(site)
    # After its own packages come those of this environment, without what its .pth files add.
    (site / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("elsewhere")


def g2p(python: Path, folder: Path, *arguments: str) -> str:
    """Run a command in a folder; return what it printed."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "G2P_DATA")}
    done = subprocess.run(
        [python, *arguments], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_config_the_marker_and_the_tables(wheel):
    names = set(ZipFile(wheel).namelist())
    yaml = {f"g2p/conf/{file.relative_to(ROOT / 'conf')}" for file in ROOT.glob("conf/**/*.yaml")}
    assert yaml and yaml <= names
    assert {"g2p/py.typed", "g2p/report/study/published/models.csv"} <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "docs/"))]


@pytest.mark.slow
def test_it_is_the_wheel_that_is_imported(python, elsewhere):
    code = "import g2p, g2p.config.registry as r; print(g2p.__file__); print(r.CONF)"
    lines = g2p(python, elsewhere, "-c", code).splitlines()
    assert all(str(python.parent.parent) in line for line in lines)


@pytest.mark.slow
def test_train_predict_and_list_from_an_empty_folder(python, elsewhere):
    printed = g2p(python, elsewhere, "-m", "g2p", "train", "model=ridge", *SMALL)
    run = printed.splitlines()[-1].removeprefix("run: ")
    assert Path(run).parent == elsewhere / "runs"
    g2p(python, elsewhere, "-m", "g2p", "predict", f"run={run}", "data=simulated",
        "data.strains=30", "data.loci=20", "missing_loci=impute", "out=p.csv")  # fmt: skip
    assert len((elsewhere / "p.csv").read_text().splitlines()) == 1 + 30 * 18
    assert "1 run in" in g2p(python, elsewhere, "-m", "g2p", "runs")


@pytest.mark.slow
def test_a_smoke_study(python, elsewhere):
    printed = g2p(python, elsewhere, "-m", "g2p", "sweep", "logger=none", "study=canonical",
                  "size=smoke")  # fmt: skip
    assert "2 done" in printed
    assert (elsewhere / "studies" / "canonical-smoke" / "report.html").is_file()
