"""Code of a user's own beside the model and the source: which a config names, and whether losses,
metrics, schedules and callbacks can be called, as far as their source says.
"""

import ast
from collections.abc import Mapping
from typing import Any, NamedTuple

from g2p.config.components import Function, definitions, parse_source
from g2p.config.locate import is_dotted, locate
from g2p.config.registry import choice_options, is_baseline
from g2p.core.errors import CodeError, OptionError
from g2p.core.phrases import listed, nearest


class Kind(NamedTuple):
    """What such code is: a function with so many arguments by position, or a class without any."""

    arguments: tuple[int, ...]
    example: str
    shipped: tuple[str, ...] = ()  # by g2p


KINDS = {
    "loss": Kind(
        (2, 3),
        "def {name}(predicted_BP, observed_BP): ..., the loss of each value",
        ("huber", "gaussian"),
    ),
    "metric": Kind((2,), "def {name}(predicted, observed): ..., a number"),
    "schedule": Kind((2,), "def {name}(optimizer, epochs): ..., a scheduler of torch"),
    "callback": Kind((), "class {name}(lightning.Callback), whose constructor takes no arguments"),
}


def user_code(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the code of a user's own, beside model and source, that has an effect."""
    groups = ["split"] if is_baseline(config["model"]["name"]) else ["split", "optim"]
    names = [name for group in groups if is_dotted(name := config[group].get("name"))]
    for key, option in choice_options("trainer", None).items():
        if option.is_user_code and (key == "metrics" or not is_baseline(config["model"]["name"])):
            names += filter(is_dotted, _names(config["trainer"].get(key)))
    return names


def _names(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value] * (value is not None)


def check_user_code(key: str, value: object, kind: str) -> None:
    """Refuse names that are not of code of this kind.

    Raises:
        OptionError: for one that is no dotted name, or named twice.
        CodeError: for code that does not exist or cannot be called as this kind is.
    """
    shipped = KINDS[kind].shipped
    names = [name for name in _names(value) if name not in shipped]
    for name in names:
        if not is_dotted(name):
            choice = f"be {listed(shipped)}, or " if shipped else ""
            raise OptionError(
                f"{key} must {choice}name code of your own by module and name, such as "
                f"my_pkg.{kind}s.mine, not {name!r}."
            )
        _check(name, KINDS[kind], kind)
    last = [name.rpartition(".")[2] for name in names]
    if twice := [name for name in dict.fromkeys(last) if last.count(name) > 1]:
        raise OptionError(f"{key} names {listed(twice)} twice.")


def _check(name: str, kind: Kind, what: str) -> None:
    located, attribute = locate(name), name.rpartition(".")[2]
    nodes = definitions(parse_source(located.file))
    node = nodes.get(attribute)
    if node is None:
        raise CodeError(
            f"{located.file} defines no {attribute}.{nearest(attribute, nodes)} "
            f"It defines {listed(nodes) or 'nothing'}."
        )
    if isinstance(node, ast.ClassDef):
        constructor = definitions(node).get("__init__")
        takes_none = not isinstance(constructor, Function) or _needed(constructor) == 1
        fits = takes_none and not kind.arguments
    else:
        fits = _needed(node) in kind.arguments
    if not fits:
        raise CodeError(
            f"{located.file}:{node.lineno}: {attribute} is no {what}: write "
            f"{kind.example.format(name=attribute)}."
        )


def _needed(node: Function) -> int:
    """Return how many arguments a function needs; -1 where one of them is needed by name."""
    arguments = node.args
    if None in arguments.kw_defaults:
        return -1
    return len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
