"""Where YAML files are: conf/, and before it the folders of a user (`--config-dir`)."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.global_hydra import GlobalHydra

from g2p.config.locate import file_state
from g2p.config.registry import CONF, FOLDERS, user_folders
from g2p.core.errors import OptionError

_LOCK = threading.RLock()  # a launcher's job composes, too
DEPTHS = ("*.yaml", "*/*.yaml", "*/*/*.yaml")


@contextmanager
def config_folders(folders: Sequence[str | Path]) -> Iterator[None]:
    """Add folders of YAML files to conf/, while the context is open.

    Their files are checked when a command chooses them (see `g2p.config.user_files`).

    Raises:
        OptionError: for a folder that does not exist.
    """
    paths = tuple(Path(folder).absolute() for folder in folders)
    for path in paths:
        if not path.is_dir():
            raise OptionError(f"--config-dir {path} is not a folder that exists.")
    before = FOLDERS.set((*paths, *user_folders()))
    try:
        yield
    finally:
        FOLDERS.reset(before)


def folders_state() -> tuple:
    """Return what changes when a YAML file of a user changes."""
    return tuple(
        (file, file_state(file))
        for folder in user_folders()
        for file in sorted(each for depth in DEPTHS for each in folder.glob(depth))
    )


def search_path() -> ConfigSearchPath:
    """Return where Hydra looks for YAML files, in the order of its own --config-dir."""
    path = create_config_search_path(str(CONF))
    for folder in reversed(user_folders()):
        first = SearchPathQuery(provider="schema")
        path.prepend(provider="command-line", path=f"file://{folder}", anchor=first)
    return path


@contextmanager
def composing() -> Iterator[Hydra]:
    """Let `hydra.compose` read these files; Hydra is left as it was before.

    Its state is that of the process, so other threads wait.
    """
    with _LOCK:
        state, base = GlobalHydra.instance(), version.VersionBase.instance()
        outer, state.hydra = state.hydra, None  # a launcher composes while Hydra runs
        outer_base = base.getbase()
        version.setbase("1.3")
        try:
            yield Hydra.create_main_hydra2("g2p", search_path())
        finally:
            state.hydra, base.version_base = outer, outer_base
