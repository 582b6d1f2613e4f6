"""Components (models, sources, splits, ...): their options, read from the source, and their making.

A component's file may be a user's, so whatever is wrong with its signature is an error with the
file, the line and what to write instead.
"""

import ast
import typing
from collections.abc import Callable
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal

from g2p.config.constraints import VOCABULARY, Divides, LessThan, OnlyIf, OptionsOf, Unless
from g2p.config.options import FACTS, Option, declared
from g2p.core.errors import UserError, listed

ACRONYMS = ("gbdt", "rkhs")
KINDS = (bool, int, float, str, list, dict, Path, NoneType)
RULES = (Divides, LessThan, OnlyIf, Unless, OptionsOf)  # and those with `broken_by`
Function = ast.FunctionDef | ast.AsyncFunctionDef


def class_name(module: str) -> str:
    """Return the class that a model's file defines: RijalAttention for rijal_attention."""
    words = module.split("_")
    return "".join(word.upper() if word in ACRONYMS else word.capitalize() for word in words)


def read_options(file: Path, builder: str) -> dict[str, Option]:
    """Return the options of the class or function `builder` in `file`, by name, in order.

    Raises:
        UserError: with file and line, when there is no such builder, or its signature declares no
            options (see `g2p.config.options`).
    """
    if not file.exists():
        raise UserError(
            f"{file} is missing: it must define {builder}, whose options are in a YAML below conf/."
        )
    nodes = {
        node.name: node for node in parsed(file).body
        if isinstance(node, ast.ClassDef | Function)
    }  # fmt: skip
    node = nodes.get(builder)
    if node is None:
        raise UserError(
            f"{file} defines no {builder}; it defines {listed(nodes) or 'nothing'}. "
            f"The class or function that takes the options must be called {builder}."
        )
    if isinstance(node, ast.ClassDef):
        found = [n for n in node.body if isinstance(n, Function) and n.name == "__init__"]
        if not found:
            return {}
        _refuse_positional(file, f"{builder}.__init__", found[0])
        node = found[0]
    arguments = [
        (argument, default)
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if argument.arg not in FACTS
    ]
    options = {argument.arg: _option(file, argument, default) for argument, default in arguments}
    for argument, _ in arguments:
        for rule in options[argument.arg].rules:
            for sibling in vars(rule).values() if isinstance(rule, RULES[:-1]) else ():
                if sibling not in options:
                    raise UserError(
                        f"{file}:{argument.lineno}: {rule} names no option. "
                        f"It may be {listed(options)}."
                    )
    return options


def construct(builder: Callable, file: str, **arguments) -> Any:
    """Return what a component's class makes of its arguments.

    Raises:
        UserError: where the class cannot be called with them; what it raises itself is let through.
    """
    try:
        return builder(**arguments)
    except TypeError as error:
        if error.__traceback__.tb_next is not None:  # raised within the constructor
            raise
        raise UserError(f"{file}: {error}. It is called with {listed(arguments)}.") from None


def parsed(file: Path) -> ast.Module:
    """Return the syntax tree of a component's file, or of one that it imports.

    Raises:
        UserError: with file and line, for what is no Python.
    """
    try:
        return ast.parse(file.read_text(encoding="utf-8"), str(file))
    except SyntaxError as error:
        raise UserError(f"{file}:{error.lineno or 1}: {error.msg}.") from None
    except ValueError as error:  # no text, or with a zero in it
        raise UserError(f"{file} is no Python file: {error}.") from None


def _refuse_positional(file: Path, name: str, node: Function) -> None:
    taken = node.args
    positional = [*taken.posonlyargs, *taken.args][1:]  # without self
    starred = [f"{'*' * n}{a.arg}" for n, a in ((1, taken.vararg), (2, taken.kwarg)) if a]
    names = [argument.arg for argument in positional if argument.arg not in FACTS] + starred
    if names:
        facts = "".join(f"{fact}: int, " for fact in ("n_loci", "n_phenotypes"))
        raise UserError(
            f"{file}:{node.lineno}: {name} takes {listed(names)} by position. Options are taken by "
            f"name, each with its type: def __init__(self, *, {facts}option: type, ...)."
        )


def _option(file: Path, argument: ast.arg, default: ast.expr | None) -> Option:
    at, name = f"{file}:{argument.lineno}", argument.arg
    if argument.annotation is None:
        raise UserError(
            f"{at}: option {name} has no type. Write {name}: int, say, or with a range "
            f"{name}: Annotated[int, AtLeast(1)] (see g2p.config.constraints)."
        )
    if default is not None:
        raise UserError(
            f"{at}: option {name} has a default. Defaults are in YAML: write "
            f"{name}: {ast.unparse(default)} there, and {name}: {ast.unparse(argument.annotation)} "
            "here."
        )
    try:
        code = compile(ast.Expression(argument.annotation), str(file), "eval")
        option = declared(eval(code, VOCABULARY.copy()))  # of a file that is imported, too
    except Exception as error:  # whatever evaluating can raise
        raise _no_type(at, argument, f" ({error})") from None
    union = isinstance(option.type, UnionType)
    kinds = typing.get_args(option.type) if union else (option.type,)
    if typing.get_origin(option.type) is not Literal and not all(kind in KINDS for kind in kinds):
        raise _no_type(at, argument)
    for rule in option.rules:
        if isinstance(rule, type) or not (isinstance(rule, RULES) or hasattr(rule, "broken_by")):
            raise _no_type(at, argument, f" ({rule} is no rule)")
    return option


def _no_type(at: str, argument: ast.arg, why: str = "") -> UserError:
    allowed = [kind.__name__ for kind in KINDS[:-1]]
    rules = [name for name, rule in VOCABULARY.items() if hasattr(rule, "broken_by")]
    return UserError(
        f"{at}: the type of option {argument.arg} is {ast.unparse(argument.annotation)}{why}. It "
        f"may be {listed(allowed)}, one of these | None, Literal[...], or Annotated[type, rule, "
        f"...] with {listed([*rules, *(rule.__name__ for rule in RULES)])} of "
        "g2p.config.constraints."
    )
