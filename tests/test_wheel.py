"""The wheel, built and installed where no checkout is: it trains, predicts and sweeps."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.helpers.command import ROOT
from tests.helpers.user_package import write_package

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
    python = folder / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps",
         "--no-index", wheel],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    # After its own packages come those of this environment, without what its .pth files add.
    (site / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return python


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("elsewhere")


def run(folder: Path, *command: str | Path) -> str:
    """Run a command in a folder; return what it printed."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "G2P_DATA")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def g2p(python: Path, folder: Path, *arguments: str) -> str:
    """Run the command that pip installed."""
    return run(folder, python.with_name("g2p"), *arguments)


def test_the_wheel_holds_the_config_the_marker_and_the_tables(wheel):
    names = set(ZipFile(wheel).namelist())
    yaml = {f"g2p/conf/{file.relative_to(ROOT / 'conf')}" for file in ROOT.glob("conf/**/*.yaml")}
    assert yaml and yaml <= names
    assert {"g2p/py.typed", "g2p/report/study/published/models.csv"} <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "docs/"))]


@pytest.mark.slow
def test_it_is_the_wheel_that_is_imported(python, elsewhere):
    code = "import g2p, g2p.config.registry as r; print(g2p.__file__); print(r.CONF)"
    lines = run(elsewhere, python, "-c", code).splitlines()
    assert all(str(python.parent.parent) in line for line in lines)


@pytest.mark.slow
def test_train_predict_and_list_from_an_empty_folder(python, elsewhere):
    printed = g2p(python, elsewhere, "train", "model=ridge", *SMALL)
    trained = printed.splitlines()[-1].removeprefix("run: ")
    assert Path(trained).parent == elsewhere / "runs"
    g2p(python, elsewhere, "predict", f"run={trained}", "data=simulated",
        "data.strains=30", "data.loci=20", "missing_loci=impute", "out=p.csv")  # fmt: skip
    assert len((elsewhere / "p.csv").read_text().splitlines()) == 1 + 30 * 18
    assert "1 run in" in run(elsewhere, python, "-m", "g2p", "runs")


@pytest.mark.slow
def test_a_smoke_study(python, elsewhere):
    printed = g2p(python, elsewhere, "sweep", "logger=none", "study=canonical",
                  "size=smoke")  # fmt: skip
    assert "2 done" in printed
    assert (elsewhere / "studies" / "canonical-smoke" / "report.html").is_file()


@pytest.mark.slow
def test_a_users_model_source_and_study(python, tmp_path):
    """The package lies in the folder of the command, and nothing of it in the wheel."""
    write_package(tmp_path)
    user = ("--config-dir", "my_conf", "logger=none", "trainer.max_epochs=2")
    printed = g2p(python, tmp_path, "train", *user, "model=mlp", "data=mine")
    trained = printed.splitlines()[-1].removeprefix("run: ")
    g2p(python, tmp_path, "predict", f"run={trained}", *user[:2], "data=mine", "code=my_pkg",
        "out=p.csv")  # fmt: skip
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 1 + 80 * 2
    printed = g2p(python, tmp_path, "sweep", *user, "study=my_studies/mine.yaml", "size=smoke")
    assert printed.splitlines()[-1] == f"study: {tmp_path / 'studies' / 'mine-smoke'}"


@pytest.mark.slow
def test_from_python_with_a_users_model(python, tmp_path):
    write_package(tmp_path)
    code = (
        "import g2p; folder = 'my_conf'; "
        "run = g2p.train('model=mlp', 'data=mine', 'logger=none', config_dir=folder); "
        "panel = g2p.load_panel('data=mine', config_dir=folder); "
        "print(*g2p.load_run(run.folder, code=['my_pkg']).predict(panel).shape)"
    )
    (tmp_path / "analysis.py").write_text(code.replace("; ", "\n"))
    assert run(tmp_path, python, "analysis.py").splitlines()[-1] == "80 2"
