"""Importing a component of a user's own: the one place where such code is run."""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from g2p.config.code_digest import user_digest
from g2p.config.locate import is_dotted, locate
from g2p.core.errors import CodeError
from g2p.core.model_errors import USER_CODE

_imported: dict[str, str] = {}  # module -> digest of its code when it was imported


def load_component(name: str) -> Callable:
    """Import the class or function `my_pkg.nets.MLP` as Python does, and return it.

    Raises:
        CodeError: if it does not exist, or its code was changed after this process imported it. An
            error that its code raises is not caught.
    """
    located = locate(name)
    digest = user_digest(name)
    module, _, attribute = name.rpartition(".")
    USER_CODE.add(located.package)
    if module not in sys.modules:
        if located.top not in sys.modules and find_spec(located.top) is None:
            sys.path.append(str(located.root))  # the current folder, as `python -m` has it
        import_module(module)
        _imported[module] = digest
    if _imported.setdefault(module, digest) != digest:
        raise CodeError(
            f"{name}: {located.package} was changed after this process imported it. Restart Python "
            "(in a notebook its kernel), and run it again."
        )
    if not hasattr(sys.modules[module], attribute):
        raise CodeError(f"{name}: {located.file} defines {attribute}, and then removes it.")
    return getattr(sys.modules[module], attribute)


def builder_of(name: str, module: str, attribute: str) -> Callable:
    """Return the class or function of a choice: a user's own, or that of g2p in `module`."""
    if is_dotted(name):
        return load_component(name)
    return getattr(import_module(module), attribute)
