"""Code of one's own as the guide and CONTRIBUTING.md have it, run in an empty folder."""

import re
import shlex
from pathlib import Path

import pytest

from tests.helpers.command import ROOT, call

FILE = re.compile(r"```(?:py|yaml)\n# (\S+)\n(.*?)```", re.DOTALL)
COMMANDS = re.compile(r"```bash\n(.*?)```", re.DOTALL)


def write_files(text: str, folder: Path) -> None:
    """Write each block that begins with a file's name."""
    blocks = FILE.findall(text)
    assert len(blocks) == len(re.findall(r"```(?:py|yaml)\n", text)) > 2
    for name, content in blocks:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number"), [("docs/guide/own-code.md", 3), ("CONTRIBUTING.md", 3)]
)
def test_code_in_an_empty_folder(tmp_path, name, number):
    text = (ROOT / name).read_text()
    write_files(text, tmp_path)
    lines = [line for block in COMMANDS.findall(text) for line in block.strip().splitlines()]
    commands = [line for line in lines if "my_conf" in line]
    assert len(commands) == 3
    run = None
    for command in commands:
        program, *arguments = shlex.split(command.replace("runs/SIGNATURE", str(run)))
        if program == "g2p":
            arguments = ["-m", "g2p", *arguments]
        if "train.py" in arguments:
            arguments += ["trainer.max_epochs=1"]
        if "g2p" not in arguments and "logger=" not in command:
            arguments += ["logger=none"]
        done = call(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        last = done.stdout.splitlines()[-1]
        run = Path(last.removeprefix("run: ")) if last.startswith("run: ") else run
    assert run and (tmp_path / "studies/mine-smoke/report.html").is_file()
