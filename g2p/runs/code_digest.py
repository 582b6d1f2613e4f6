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
from g2p.config.registry import is_baseline
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
    # `additive` starts at the solution of ridge, which the caller computes (see g2p.training.fit).
    names = (model["name"], "ridge") if model.get("additive") else (model["name"],)
    return _digest(names)


@cache
def _digest(names: tuple[str, ...]) -> str:
    files: dict[Path, str] = {}
    pending = [PACKAGE / FOLLOWED[is_baseline(name)] / f"{name}.py" for name in names]
    while pending:
        file = pending.pop()
        if file not in files:
            tree = parse_source(file)
            files[file] = _text(_without_docstrings(tree))
            pending += _imported(tree, file)
    parts = sorted((file.relative_to(PACKAGE).as_posix(), text) for file, text in files.items())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _imported(tree: ast.Module, file: Path) -> Iterator[Path]:
    """Yield the files of `FOLLOWED` that a file imports, anywhere in it."""
    package = ("g2p", *file.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
            files = [_file_of(name) for name in modules]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            # A name is a module of the package, or something that the module itself defines.
            files = [_file_of(f"{module}.{alias.name}") or _file_of(module) for alias in node.names]
            modules = [module]
        else:
            continue
        yield from filter(None, [*files, *_packages_of(modules)])


def _packages_of(modules: Iterable[str]) -> Iterator[Path | None]:
    """Yield the files of packages within `FOLLOWED` that importing these modules runs, too."""
    for module in modules:
        parts = module.split(".")
        yield from (_file_of(".".join(parts[:end])) for end in range(3, len(parts)))


def _file_of(module: str) -> Path | None:
    """Return the file of a module, if it is one of `FOLLOWED`."""
    root, *parts = module.split(".")
    if root != "g2p" or not parts or parts[0] not in FOLLOWED:
        return None
    path = PACKAGE.joinpath(*parts)
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
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
