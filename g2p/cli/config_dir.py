"""The flag --config-dir DIR of every command: a folder of YAML files of a user's own."""

from collections.abc import Iterator
from contextlib import contextmanager

from g2p.config.search_path import config_folders
from g2p.core.errors import OptionError

FLAGS = ("--config-dir", "-cd")  # as Hydra has them


def take_config_dir(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the folder that a command line names with the flag, if any, and its other arguments.

    Raises:
        OptionError: for the flag without a folder, or a second one, which Hydra does not take.
    """
    folders, others = [], []
    waiting = iter(arguments)
    for argument in waiting:
        flag, equals, value = argument.partition("=")
        if flag not in FLAGS:
            others.append(argument)
            continue
        folder = value if equals else next(waiting, "")
        if not folder:
            raise OptionError(f"{flag} needs a folder: --config-dir my_conf.")
        if folders:
            raise OptionError(f"{flag} is given twice: {folders[0]} and {folder}. Keep one.")
        folders.append(folder)
    return folders, others


@contextmanager
def with_config_dir(arguments: list[str]) -> Iterator[list[str]]:
    """Search the folder that a command line names, too; yield its other arguments."""
    folders, others = take_config_dir(arguments)
    with config_folders(folders):
        yield others
