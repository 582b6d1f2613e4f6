"""`sweep.py` with a study of the benchmark's own, which is no file of conf/study/."""

import os
import sys
from pathlib import Path

import yaml

COMMAND = """
import sys, pathlib
from g2p.cli import sweep as command
from g2p.study import design as plan
plan.STUDIES = pathlib.Path(sys.argv.pop(1))
command.main()
"""


def command_of(folder: Path, name: str, study: dict) -> list[str]:
    """The words of a command that knows this study, written to `folder`, as study=`name`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return [sys.executable, "-c", COMMAND, str(folder), f"study={name}"]


def surroundings() -> dict[str, str]:
    """The environment of such a command: this checkout's g2p, wherever it is called."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
