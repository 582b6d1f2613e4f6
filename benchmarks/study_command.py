"""`sweep.py` with a study of a benchmark, which is not a file of conf/study/."""

import os
import sys
from pathlib import Path

import yaml

COMMAND = """
import sys, pathlib
from g2p.cli import sweep as command
from g2p.study import study_files
study_files.STUDIES = pathlib.Path(sys.argv.pop(1))
command.main()
"""


def study_command(folder: Path, name: str, study: dict) -> list[str]:
    """Write the study to `folder`; return the command that runs it as study=`name`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return [sys.executable, "-c", COMMAND, str(folder), f"study={name}"]


def command_environment() -> dict[str, str]:
    """Return the environment of such a command, with this checkout's g2p."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
