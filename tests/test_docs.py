"""The documentation builds without a warning, its notebooks executed; its commands are tested."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.helpers.command import ROOT
from tests.test_readme import COMMANDS

PAGES = ("index.md", "how-to.md")
NOTEBOOKS = ("first_run", "my_data", "study", "my_model")


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_those_of_the_readme(page):
    """And of the guide, which are run by tests."""
    text = (ROOT / "docs" / page).read_text()
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    commands = [line for block in blocks for line in block.strip().splitlines()]
    assert len(commands) > 2
    assert [command for command in commands if command not in COMMANDS] == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_have_no_outputs(name):
    cells = json.loads((ROOT / f"docs/notebooks/{name}.ipynb").read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 5
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)


@pytest.mark.slow
def test_the_site_builds_and_notebooks_run(tmp_path):
    """A warning or a cell that fails ends it; what cells show is in their pages."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, "TTY_COMPATIBLE": "0", "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name in NOTEBOOKS:
        page = (tmp_path / "notebooks" / name / "index.html").read_text()
        assert "run: /" in page or "results" in page
    reference = (tmp_path / "reference" / "index.html").read_text()
    for name in ("g2p.api.train", "g2p.api.load_study", "g2p.sklearn.G2PRegressor"):
        assert f'id="{name}"' in reference
