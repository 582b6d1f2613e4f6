"""Code of a user's own, named `my_pkg.nets.MLP`: its file, found as Python would import it.

Nothing is imported: what a package's `__init__.py` does happens only when a run needs the code.
"""

import importlib
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import TypeGuard

from g2p.core.errors import CodeError
from g2p.core.phrases import listed, nearest

EXAMPLE = "my_pkg.nets.MLP"
# Where packages are installed, which are not a user's own.
INSTALLED = {Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "purelib", "platlib")}


@dataclass(frozen=True)
class Located:
    """A module of a user's own.

    Attributes:
        module: its dotted name.
        file: its source.
        root: the folder from which it is imported.
    """

    module: str
    file: Path
    root: Path

    @property
    def top(self) -> str:
        """The name of its package, or its own where it is in none."""
        return self.module.partition(".")[0]

    @property
    def package(self) -> Path:
        """The folder of its package, or its file where it is in none."""
        folder = self.root / self.top
        return folder if folder.is_dir() else self.file

    @property
    def is_package(self) -> bool:
        return self.file.name == "__init__.py"


def is_dotted(name: object) -> TypeGuard[str]:
    """Whether a component's name is one of a user's own code, such as my_pkg.nets.MLP."""
    return isinstance(name, str) and "." in name and name.partition(".")[0].isidentifier()


def locate(name: str) -> Located:
    """Find the module of a component that is named by module and class (or function).

    Raises:
        CodeError: if there is none, with where it was looked for; or if it is not Python source.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise CodeError(f"{name} is no module and class. Write for example name: {EXAMPLE}.")
    if name.startswith("g2p."):
        raise CodeError(f"{name} comes with g2p: write its short name, such as name: transformer.")
    return _locate(name.rpartition(".")[0], name, _search_path())


def locate_module(module: str) -> Located | None:
    """Find a module by its dotted name; None where there is none, or no source of it."""
    try:
        return _locate(module, module, _search_path())
    except CodeError:
        return None


def _search_path() -> tuple[str, ...]:
    """Return where Python imports from; last, the current folder, which not every command has."""
    try:
        return (*sys.path, str(Path.cwd()))
    except FileNotFoundError:  # it was removed
        return tuple(sys.path)


@cache
def _locate(module: str, name: str, search_path: tuple[str, ...]) -> Located:
    importlib.invalidate_caches()  # else a file written just now may be overlooked
    top, *below = module.split(".")
    spec = _top_level(top, search_path)
    if spec is None:
        raise CodeError(
            f"{name} cannot be imported: there is no module {top} in {_folders(search_path)}, nor "
            "among the installed packages. Set PYTHONPATH to the folder that holds it."
        )
    for part in below:
        locations = spec.submodule_search_locations
        inner = PathFinder.find_spec(f"{spec.name}.{part}", list(locations)) if locations else None
        if inner is None:
            raise CodeError(f"{name} cannot be imported: {_missing(spec, part)}")
        spec = inner
    if not spec.origin or not spec.origin.endswith(".py"):
        where = spec.origin or listed(map(str, spec.submodule_search_locations or [])) or "built in"
        raise CodeError(
            f"{name} is to be {name.rpartition('.')[2]} of the module {module}, which has no "
            f"Python source ({where})."
        )
    file = Path(spec.origin).absolute()
    levels = len(below) + (file.name == "__init__.py")
    return Located(module, file, file.parents[levels])


def _top_level(top: str, search_path: tuple[str, ...]) -> ModuleSpec | None:
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):  # one that is imported may have no spec
        spec = None
    return spec or PathFinder.find_spec(top, list(search_path))


def _folders(search_path: tuple[str, ...]) -> str:
    """List the folders of the search path that are not of Python or of installed packages."""
    folders = [Path(each or ".").resolve() for each in search_path]
    return listed(dict.fromkeys(
        str(folder) for folder in folders
        if folder.is_dir() and folder not in INSTALLED and folder.name != "lib-dynload"
    ), 6)  # fmt: skip


def _missing(spec: ModuleSpec, part: str) -> str:
    """Say that a package has no such module, where it is, and what it has."""
    locations = [Path(each) for each in spec.submodule_search_locations or []]
    if not locations:
        return f"{spec.name} ({spec.origin}) is a module, not a package with a module {part}."
    names = sorted(
        {file.stem for folder in locations for file in folder.glob("*.py")}
        | {file.parent.name for folder in locations for file in folder.glob("*/__init__.py")}
    )
    names = [name for name in names if name != "__init__"]
    return (
        f"the package {spec.name} ({listed(map(str, locations), 3)}) has no module {part}."
        f"{nearest(part, names)} It has: {listed(names, 8) or 'none'}."
    )


def file_state(file: Path) -> tuple[int, int, int]:
    """Return what changes when a file is written: its size, its time, its inode.

    Raises:
        CodeError: if it is gone.
    """
    try:
        state = file.stat()
    except OSError as error:
        raise CodeError(f"{file} cannot be read ({error.strerror or error}).") from None
    return state.st_size, state.st_mtime_ns, state.st_ino
