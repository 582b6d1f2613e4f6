"""Where a study's YAML file is: in conf/, in a folder of the user, or at a path."""

import re
from pathlib import Path

from g2p.config.registry import CONF, user_folders
from g2p.core.errors import OptionError
from g2p.core.phrases import listed, nearest

STUDIES = CONF / "study"
FILE_NAME = re.compile(r"[A-Za-z0-9_-]+")


def studies() -> list[str]:
    """The names of the studies in conf/ and in a user's folders."""
    return sorted(_study_files())


def _study_files() -> dict[str, Path]:
    """Return name -> file of each study that has a name; a user's comes before ours."""
    folders = (STUDIES, *(folder / "study" for folder in reversed(user_folders())))
    return {file.stem: file for folder in folders for file in folder.glob("*.yaml")}


def study_file(name: str) -> Path:
    """Return the path of a study's file; `name` is the study's name, or the path of its file.

    Raises:
        OptionError: for a study that does not exist, or a file whose name cannot be that of a
            study's folder, or is that of another study.
    """
    files = _study_files()
    if name in files:
        return files[name]
    file = Path(name).expanduser()
    if file.suffix not in (".yaml", ".yml"):
        raise OptionError(
            f"study={name} does not exist.{nearest(name, files)} "
            f"study is one of {listed(sorted(files))}, or the path of a YAML file of your own."
        )
    if not file.is_file():
        raise OptionError(f"study={name} does not exist: there is no file {file.absolute()}.")
    if not FILE_NAME.fullmatch(file.stem):
        raise OptionError(
            f"study={name}: the file's name is that of the folder of results. Use letters, digits, "
            "_ and - alone."
        )
    if file.stem in files and not file.samefile(files[file.stem]):
        raise OptionError(
            f"study={name}: there is a study {file.stem} in {files[file.stem].parent}, whose "
            "results would lie in the same folder. Rename the file."
        )
    return file
