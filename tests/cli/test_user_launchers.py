"""A user's own model, source and study with each launcher, whose processes must find the code."""

import pytest

from tests.helpers.command import started, sweep, train
from tests.helpers.user_package import write_package

pytestmark = pytest.mark.slow

CONF = ("--config-dir", "my_conf")
QUICK = ("logger=none", "trainer.max_epochs=1", "trainer.accelerator=cpu")


@pytest.mark.parametrize("launcher", ["basic", "joblib", "submitit_local"])
def test_a_study_of_a_path_with_each_launcher(tmp_path, launcher):
    write_package(tmp_path)
    study = ("study=my_studies/mine.yaml", "size=smoke", f"hydra/launcher={launcher}")
    done = sweep(*CONF, *study, *QUICK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mean to mlp" in done.stdout
    assert done.stdout.splitlines()[-1] == f"study: {tmp_path}/studies/mine-smoke"
    assert (tmp_path / "studies/mine-smoke/report.html").is_file()


@pytest.mark.parametrize("launcher", ["joblib", "packed"])
def test_a_multirun_of_users_models(tmp_path, launcher):
    write_package(tmp_path)
    swept = ("model=mlp", "model.hidden=2,3", f"hydra/launcher={launcher}")
    done = train("data=mine", "-m", *CONF, *swept, *QUICK, cwd=tmp_path)  # flags may be anywhere
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_script_beside_its_package_called_from_elsewhere(tmp_path):
    """Processes of a launcher import what only the script's own folder has."""
    write_package(tmp_path / "code")
    (tmp_path / "code/script.py").write_text(
        "import g2p\n"
        "if __name__ == '__main__':\n"
        "    g2p.sweep('study=../code/my_studies/mine.yaml', 'size=smoke', 'logger=none',\n"
        "        'trainer.accelerator=cpu', 'hydra/launcher=submitit_local',\n"
        "        config_dir='../code/my_conf')\n"
    )
    (tmp_path / "work").mkdir()
    done = started(str(tmp_path / "code/script.py"), cwd=tmp_path / "work")
    assert done.returncode == 0, done.stderr
    assert "2 done. report:" in done.stdout
