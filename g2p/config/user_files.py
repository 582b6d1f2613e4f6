"""The YAML files of a user's folders (`--config-dir`) that a command reads.

Only these are checked, before Hydra reads them, so that a broken one blocks no command that does
not choose it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from g2p.config.registry import CONF, user_folders
from g2p.core.yaml_file import read_yaml


def check_chosen_files(chosen: Mapping[str, Any]) -> None:
    """Check the files of a command's choices, and all that their defaults lists name.

    Args:
        chosen: group -> choice, of the command line; its other keys do not matter.

    Raises:
        OptionError: naming the file and the line, of one that is not YAML, too large, or contains
            itself. Of one that does not exist, Hydra says so.
    """
    if not user_folders():
        return
    choices = {group: choice for group, choice in chosen.items() if isinstance(choice, str)}
    pending = [("", "config"), *choices.items()]
    seen = set()
    while pending:
        group, choice = pending.pop()
        for file in _files(group, choice):
            if file not in seen:
                seen.add(file)
                text = file.read_text() if file.is_relative_to(CONF) else read_yaml(file)
                named = _named_files(group, yaml.safe_load(text))
                # The command line's choice replaces that of config.yaml.
                pending += [each for each in named if group or each[0] not in choices]


def _files(group: str, choice: str) -> list[Path]:
    """Return the file of a choice, in the first folder that has it; none where there is none.

    Which one a choice with an interpolation names is not known yet: then all of the user's.
    """
    if "${" in choice:
        return [
            file for folder in user_folders() for file in sorted((folder / group).glob("*.yaml"))
        ]
    files = (folder / group / f"{choice}.yaml" for folder in (*user_folders(), CONF))
    return next(([file] for file in files if file.is_file()), [])


def _named_files(group: str, content: object) -> Iterator[tuple[str, str]]:
    """Yield group and choice of each entry of a file's defaults list, as Hydra reads it."""
    entries = content.get("defaults") if isinstance(content, Mapping) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, str):
            below, _, choice = _absolute(group, entry).rpartition("/")
            yield below, choice
        elif isinstance(entry, Mapping):
            for key, value in entry.items():
                parts = str(key).split()  # optional, override
                for choice in value if isinstance(value, list) else [value]:
                    if isinstance(choice, str) and parts:
                        yield _absolute(group, parts[-1]), choice


def _absolute(group: str, name: str) -> str:
    """Return a path below the folders: of /model/mlp, or of mlp@package in the group model."""
    path = name.partition("@")[0].removesuffix(".yaml")
    return path.lstrip("/") if path.startswith("/") or not group else f"{group}/{path}"
