"""Components (models, sources, splits, ...): reading their options, and constructing them.

Options are read from the source text. A component's file may be a user's, so each fault of its
signature is an error with the file, the line and what to write instead.
"""

import ast
import inspect
import threading
import typing
from collections.abc import Callable
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal

from g2p.config.constraints import (
    VOCABULARY,
    Divides,
    LessThan,
    NeutralAt,
    NullOnlyWith,
    OnlyAt,
    OnlyIf,
    OptionsOf,
    Unless,
    UserCode,
)
from g2p.config.options import CALLED_WITH, FACTS, Option, option_of
from g2p.core.errors import CodeError
from g2p.core.phrases import listed

ACRONYMS = ("gbdt", "rkhs")
KINDS = (bool, int, float, str, list, dict, Path, NoneType)
OF_SIBLINGS = (Divides, LessThan, NullOnlyWith, OnlyAt, OnlyIf, Unless)
RULES = (*OF_SIBLINGS, OptionsOf, UserCode, NeutralAt)  # and classes with `broken_by`
Function = ast.FunctionDef | ast.AsyncFunctionDef


def class_name(module: str) -> str:
    """Return the class that a model's file defines: RijalAttention for rijal_attention."""
    parts = module.split("_")
    return "".join(part.upper() if part in ACRONYMS else part.capitalize() for part in parts)


def read_options(file: Path, builder: str) -> dict[str, Option]:
    """Return the options of the class or function `builder` in `file`, by name, in order.

    Raises:
        CodeError: with file and line, if the builder does not exist, or its signature is not one
            of options (see `g2p.config.options`).
    """
    if not file.exists():
        raise CodeError(
            f"{file} is missing: it must define {builder}, which takes the options of its YAML."
        )
    nodes = definitions(parse_source(file))
    node = nodes.get(builder)
    if node is None:
        raise CodeError(
            f"{file} defines no {builder}; it defines {listed(nodes) or 'nothing'}. "
            f"The class or function that takes the options must be called {builder}."
        )
    if isinstance(node, ast.ClassDef):
        node = definitions(node).get("__init__")
        if not isinstance(node, Function):
            return {}
        refuse_positional(file, f"{builder}.__init__", node)
    return signature_options(file, node)


def definitions(node: ast.Module | ast.ClassDef) -> dict[str, ast.ClassDef | Function]:
    """Return the classes and functions that a module, or a class, defines, by name."""
    return {each.name: each for each in node.body if isinstance(each, ast.ClassDef | Function)}


def signature_options(
    file: Path, node: Function, facts: frozenset[str] = FACTS
) -> dict[str, Option]:
    """Return the options of a signature: its keyword-only arguments but facts, by name, in order.

    Raises:
        CodeError: with file and line, for an argument that declares no option.
    """
    arguments = [
        (argument, default)
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if argument.arg not in facts
    ]
    options = {argument.arg: _option(file, argument, default) for argument, default in arguments}
    for argument, _ in arguments:
        for rule in options[argument.arg].rules:
            siblings = vars(rule).items() if isinstance(rule, OF_SIBLINGS) else ()
            for field, sibling in siblings:
                if field != "value" and sibling not in options:
                    raise CodeError(
                        f"{file}:{argument.lineno}: {rule} does not name an option. "
                        f"It may name {listed(options)}."
                    )
    return options


def construct(builder: Callable, /, **arguments) -> Any:
    """Construct a component.

    Raises:
        CodeError: if the class does not take these arguments. Its own errors are not caught.
    """
    try:
        return builder(**arguments)
    except TypeError as error:
        if error.__traceback__ and error.__traceback__.tb_next:  # raised within the constructor
            raise
        module = inspect.getmodule(builder)  # none of some decorators' results
        file = builder if module is None else module.__file__
        raise CodeError(f"{file}: {error}. It is called with {listed(arguments)}.") from None


_parsing = threading.Lock()  # CPython 3.11 fails, now and then, where threads parse at once


def parse_source(file: Path) -> ast.Module:
    """Return the syntax tree of a component's file, or of a file that it imports.

    Raises:
        CodeError: with file and line, if the file is not Python.
    """
    try:
        text = file.read_text(encoding="utf-8")
        with _parsing:
            return ast.parse(text, str(file))
    except SyntaxError as error:
        raise CodeError(f"{file}:{error.lineno or 1}: {error.msg}.") from None
    except ValueError as error:  # not text, or with a null character
        raise CodeError(f"{file} is not a Python file: {error}.") from None


def refuse_positional(file: Path, name: str, node: Function) -> None:
    """Refuse options that are passed by position, or in * or **.

    Raises:
        CodeError: with file and line.
    """
    parameters = node.args
    is_method = "." in name
    positional = [*parameters.posonlyargs, *parameters.args][is_method:]  # without self
    starred = [f"{'*' * n}{a.arg}" for n, a in ((1, parameters.vararg), (2, parameters.kwarg)) if a]
    names = [each.arg for each in positional if each.arg not in CALLED_WITH] + starred
    if names:
        example = f"def {name}(*, option: type, ...)"
        if is_method:
            facts = "".join(f"{fact}: int, " for fact in ("n_loci", "n_phenotypes"))
            example = f"def __init__(self, *, {facts}option: type, ...)"
        raise CodeError(
            f"{file}:{node.lineno}: {name} takes {listed(names)} by position. Options are passed "
            f"by name, each with its type: {example}."
        )


def _option(file: Path, argument: ast.arg, default: ast.expr | None) -> Option:
    at, name = f"{file}:{argument.lineno}", argument.arg
    if argument.annotation is None:
        raise CodeError(
            f"{at}: option {name} has no type. Write for example {name}: int, or with a range "
            f"{name}: Annotated[int, AtLeast(1)] (see g2p.config.constraints)."
        )
    if default is not None:
        raise CodeError(
            f"{at}: option {name} has a default. Defaults belong in YAML: write "
            f"{name}: {ast.unparse(default)} in its YAML, and "
            f"{name}: {ast.unparse(argument.annotation)} here."
        )
    try:
        code = compile(ast.Expression(argument.annotation), str(file), "eval")
        option = option_of(eval(code, VOCABULARY.copy()))  # the file will be imported anyway
    except Exception as error:  # whatever evaluating can raise
        raise _invalid_type(at, name, argument.annotation, f" ({error})") from None
    union = isinstance(option.type, UnionType)
    kinds = typing.get_args(option.type) if union else (option.type,)
    if typing.get_origin(option.type) is not Literal and not all(kind in KINDS for kind in kinds):
        raise _invalid_type(at, name, argument.annotation)
    for rule in option.rules:
        if isinstance(rule, type) or not (isinstance(rule, RULES) or hasattr(rule, "broken_by")):
            raise _invalid_type(at, name, argument.annotation, f" ({rule} is not a rule)")
    return option


def _invalid_type(at: str, name: str, annotation: ast.expr, why: str = "") -> CodeError:
    allowed = [kind.__name__ for kind in KINDS[:-1]]
    rules = [word for word, rule in VOCABULARY.items() if hasattr(rule, "broken_by")]
    return CodeError(
        f"{at}: the type of option {name} is {ast.unparse(annotation)}{why}. It "
        f"may be {listed(allowed)}, one of these | None, Literal[...], or Annotated[type, rule, "
        f"...] with {listed([*rules, *(rule.__name__ for rule in RULES)])} of "
        "g2p.config.constraints."
    )
