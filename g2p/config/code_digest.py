"""The digest of a model's code: an operator changes it, a comment or a docstring does not.

It is part of a run's signature, so a run whose model was edited since is never returned as if it
were the edited model's.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from g2p.config.components import parse_source
from g2p.config.locate import INSTALLED, Located, file_state, is_dotted, locate, locate_module
from g2p.config.registry import is_baseline
from g2p.config.user_components import absolute_module, closed_forms_of
from g2p.core.package import PACKAGE

# The packages whose files are followed; `signature.NUMERICS_VERSION` stands for all other code.
FOLLOWED = ("models", "baselines")


def code_digest(model: Mapping) -> str:
    """Return 16 hex digits for the code that decides what a model computes.

    Covered are the model's own file and every file of `models/` and `baselines/` that it imports,
    directly or through another, as syntax trees without docstrings. The digest does not depend on
    the version of Python. It is computed once a process, whose imported code stays the same.

    Args:
        model: the options of the group `model`, its name among them.

    Raises:
        CodeError: with file and line, where one of these files is no Python.
    """
    # The caller fits it (see g2p.training.closed_form_effects).
    more = closed_forms_of(model)
    if is_dotted(model["name"]):
        return user_digest(model["name"], *more)
    return _digest((model["name"], *more))


def user_digest(name: str, *models: str) -> str:
    """Return the digest of the module of my_pkg.nets.MLP, and of `models` of g2p beside it.

    Covered are, beside files of `models/` and `baselines/`, the modules that it imports of its own
    package and of what lies beside that. A file that was changed is read again.
    """
    located = locate(name)
    key = (located, *models)
    states, digest = _user_digests.get(key, ({}, ""))
    if not states or any(file_state(file) != state for file, state in states.items()):
        files = _files([(located.module, located.file), *map(_model_file, models)], located)
        digest = _of(files)
        _user_digests[key] = {file: file_state(file) for file in files}, digest
    return digest


_user_digests: dict[tuple, tuple[dict[Path, tuple], str]] = {}


@cache
def _digest(names: tuple[str, ...]) -> str:
    return _of(_files([_model_file(name) for name in names], None))


def _model_file(name: str) -> tuple[str, Path]:
    package = FOLLOWED[is_baseline(name)]
    return f"g2p.{package}.{name}", PACKAGE / package / f"{name}.py"


def _of(files: Mapping[Path, tuple[str, str]]) -> str:
    return hashlib.sha256(repr(sorted(files.values())).encode()).hexdigest()[:16]


def _files(pending: list[tuple[str, Path]], user: Located | None) -> dict[Path, tuple[str, str]]:
    """Follow imports from these modules; return file -> its name and its text in the digest."""
    files: dict[Path, tuple[str, str]] = {}
    while pending:
        module, file = pending.pop()
        if file not in files:
            tree = parse_source(file)
            is_ours = file.is_relative_to(PACKAGE)
            name = file.relative_to(PACKAGE).as_posix() if is_ours else module
            files[file] = name, _text(_without_docstrings(tree))
            pending += _imported(tree, module, file, user)
    return files


def _imported(
    tree: ast.Module, module: str, file: Path, user: Located | None
) -> Iterator[tuple[str, Path]]:
    """Yield the modules of `FOLLOWED` and of the user that a file imports, anywhere in it."""
    if user and not file.is_relative_to(PACKAGE):
        yield from _present(_above(module), user)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
            yield from _present(modules, user)
        elif isinstance(node, ast.ImportFrom):
            modules = [absolute_module(node, module, file.name == "__init__.py")]
            # A name is a module of the package, or something that the module itself defines.
            for alias in node.names:
                inner = list(_present([f"{modules[0]}.{alias.name}"], user))
                yield from inner or _present(modules, user)
        else:
            continue
        for each in modules:
            yield from _present(_above(each), user)


def _above(module: str) -> list[str]:
    """Return the packages that importing a module runs, too."""
    parts = module.split(".")
    lowest = 3 if parts[0] == "g2p" else 1
    return [".".join(parts[:end]) for end in range(lowest, len(parts))]


def _present(modules: Iterable[str], user: Located | None) -> Iterator[tuple[str, Path]]:
    """Yield those of these modules that are followed, with their files."""
    for module in modules:
        if file := _file_of(module, user):
            yield module, file


def _file_of(module: str, user: Located | None) -> Path | None:
    """Return the file of a module, if it is one of `FOLLOWED` or of the user."""
    root, *parts = module.split(".")
    if root == "g2p" and parts and parts[0] in FOLLOWED:
        path = PACKAGE.joinpath(*parts)
        candidates = (path.with_suffix(".py"), path / "__init__.py")
        return next((file for file in candidates if file.is_file()), None)
    if user is None or root == "g2p" or not (root == user.top or _lies_beside(root, user)):
        return None
    located = locate_module(module)
    return located and located.file


def _lies_beside(top: str, user: Located) -> bool:
    """Whether a module lies beside the user's, where it is not installed among all others."""
    if user.root in INSTALLED:
        return False
    return (user.root / f"{top}.py").is_file() or (user.root / top).is_dir()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node, clean=False) is not None
            node.body = node.body[documented:]
    return tree


def _text(node: object) -> str:
    """Write a tree so that all versions of Python write it alike: what is empty is left out.

    `ast.dump` gained fields in Python 3.12 and leaves out empty lists since 3.13.
    """
    if isinstance(node, list):
        return f"[{','.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = (
        f"{name}={_text(value)}"
        for name, value in ast.iter_fields(node)
        if value is not None and value != [] and name != "kind"  # of a constant: u"" is ""
    )
    return f"{type(node).__name__}({','.join(fields)})"
