"""Components of a user's own, such as my_pkg.nets.MLP: what their source says of them.

A base class is followed through the user's package and g2p, so that a class may inherit its
constructor.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from g2p.config.components import (
    Function,
    definitions,
    parse_source,
    refuse_positional,
    signature_options,
)
from g2p.config.locate import Located, file_state, is_dotted, locate, locate_module
from g2p.config.options import FACTS, Option
from g2p.core.errors import CodeError
from g2p.core.phrases import listed, nearest

# Base classes whose constructor takes nothing.
PLAIN_BASES = ("object", "Module", "ABC", "Generic", "Protocol", "Callback")


@dataclass(frozen=True)
class Interface:
    """What a class or a function takes: options, and facts of the data.

    `is_closed_form` says that a class has `fit` and no `forward`.
    """

    options: Mapping[str, Option]
    facts: frozenset[str]
    is_closed_form: bool = False


def interface(name: str, facts: frozenset[str] = FACTS) -> Interface:
    """Read the interface of a class or a function from its source.

    `facts` are the keyword-only arguments that are no options: splits, optimizers and loggers have
    none.

    Raises:
        CodeError: if it does not exist, or its signature is not one of options.
    """
    located = locate(name)
    return _interface(located, name.rpartition(".")[2], facts, file_state(located.file))


def is_closed_form(name: str) -> bool:
    """Whether a class is fitted in closed form; False where its code cannot be read."""
    try:
        return interface(name).is_closed_form
    except CodeError:  # as where a run is looked at elsewhere
        return False


# Closed form -> the argument of a model that takes its effects (P, L) and offsets (P,).
EFFECTS = {"ridge": "ridge", "lasso": "lasso_effects"}


def closed_forms_of(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the closed forms, ridge or lasso, whose effects a model is built with.

    A user's model, if it has no options that say so, takes those that are arguments of its own.
    """
    if "additive_effects" in model or not is_dotted(model["name"]):
        return (model.get("additive_effects", "ridge"),) if model.get("additive") else ()
    facts = interface(model["name"]).facts
    forms = tuple(form for form, fact in EFFECTS.items() if fact in facts)
    return forms or (("ridge",) if "ranked_L" in facts else ())


def takes_ranked_loci(model: Mapping[str, Any]) -> bool:
    """Whether a model is built with the loci ranked by these effects, `ranked_L`."""
    if "attended_loci" in model:
        return model["attended_loci"] is not None
    return is_dotted(model["name"]) and "ranked_L" in interface(model["name"]).facts


@cache
def _interface(
    located: Located, attribute: str, facts: frozenset[str], _state: tuple[int, ...]
) -> Interface:
    file, nodes = located.file, definitions(parse_source(located.file))
    node = nodes.get(attribute)
    if node is None:
        raise CodeError(
            f"{file} defines no {attribute}.{nearest(attribute, nodes)} "
            f"It defines {listed(nodes) or 'nothing'}."
        )
    if not isinstance(node, ast.ClassDef):
        refuse_positional(file, attribute, node)
        return Interface(signature_options(file, node, facts), _facts(node))
    methods: dict[str, tuple[Path, Function]] = {}
    unread = []  # base classes
    for where, each in _classes(located, attribute, set()):
        if isinstance(each, ast.ClassDef):
            for method, body in definitions(each).items():
                if isinstance(body, Function):
                    methods.setdefault(method, (where, body))
        else:
            unread.append(each)
    is_closed_form = "fit" in methods and "forward" not in methods
    if "__init__" not in methods:
        generated = [ast.unparse(each) for each in node.decorator_list]
        if unread or any("dataclass" in each for each in generated):
            why = f"that of {listed(unread)} is not in your package" if unread else "is a dataclass"
            raise CodeError(
                f"{file}:{node.lineno}: {attribute} has no __init__ from which to read its options "
                f"({why}). Write def __init__(self, *, option: type, ...)."
            )
        return Interface({}, frozenset(), is_closed_form)
    where, constructor = methods["__init__"]
    refuse_positional(where, f"{attribute}.__init__", constructor)
    return Interface(signature_options(where, constructor), _facts(constructor), is_closed_form)


def _facts(node: Function) -> frozenset[str]:
    return frozenset(argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]) & FACTS


def _classes(
    located: Located, name: str, seen: set[tuple[str, str]]
) -> Iterator[tuple[Path, ast.ClassDef | str]]:
    """Yield a class and its bases with their files; of a base that cannot be read its name."""
    if (located.module, name) in seen:
        return
    seen.add((located.module, name))
    tree = parse_source(located.file)
    node = definitions(tree).get(name)
    if not isinstance(node, ast.ClassDef):
        yield located.file, name
        return
    yield located.file, node
    names = _imported_names(tree, located)
    for base in node.bases:
        text = ast.unparse(base).partition("[")[0]
        first, _, inner = text.partition(".")
        module, _, kind = (".".join(filter(None, (names.get(first), inner)))).rpartition(".")
        if text in definitions(tree):
            yield from _classes(located, text, seen)
        elif module.partition(".")[0] in (located.top, "g2p") and (where := locate_module(module)):
            yield from _classes(where, kind, seen)
        elif text.rpartition(".")[2] not in PLAIN_BASES:
            yield located.file, text


def _imported_names(tree: ast.Module, located: Located) -> dict[str, str]:
    """Return each name that a module imports -> what it stands for, as a dotted path."""
    names = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            module = absolute_module(node, located.module, located.is_package)
            names |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
    return names


def absolute_module(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """Return the module that `from ... import` names, in a module of this name."""
    if not node.level:
        return node.module or ""
    package = module.split(".") if is_package else module.split(".")[:-1]
    above = package[: len(package) + 1 - node.level]
    return ".".join([*above, *([node.module] if node.module else [])])
