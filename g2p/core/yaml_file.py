"""A YAML file of a user's, known to be small, finite and keyed by text before it becomes values.

A few lines of YAML can stand for billions of values: an alias may be repeated, of a list of
aliases, or refer to what it is part of.
"""

from pathlib import Path

import yaml
from omegaconf._utils import get_yaml_loader

from g2p.core.errors import UserError

MOST_BYTES = 1_000_000
MOST_NODES = 100_000  # values and collections, each alias counted as what it stands for
MOST_LEVELS = 50
ANYTHING_BUT_TEXT = {"int": "a number", "float": "a number", "bool": "a switch", "null": "empty"}


def read_yaml(file: Path) -> str:
    """The file's text.

    Raises:
        UserError: naming the file and the line, for one that is too large, that repeats or contains
            itself, with a key that is no text, or that is no YAML.
    """
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise UserError(f"{file} has {size:,} bytes; {MOST_BYTES:,} are the most that is read.")
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=get_yaml_loader())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise UserError(f"{file} is nested in more than {MOST_LEVELS} levels.") from None
    if root is not None:
        _check(root, file)
    return text


def _check(root: yaml.Node, file: Path) -> None:
    """Walk all that the nodes stand for, as far as that is allowed to go."""
    above: set[int] = set()  # the nodes that the current one lies in
    number = 0
    waiting = [(root, True)]
    while waiting:
        node, arriving = waiting.pop()
        if not arriving:
            above.remove(id(node))
            continue
        if id(node) in above:
            raise UserError(f"{file}, line {_line(node)}: what begins there contains itself.")
        number += 1
        if number > MOST_NODES:
            raise UserError(f"{file} holds more than {MOST_NODES:,} values, aliases written out.")
        if isinstance(node, yaml.ScalarNode):
            continue
        above.add(id(node))
        if len(above) > MOST_LEVELS:
            raise UserError(f"{file}, line {_line(node)}: more than {MOST_LEVELS} levels.")
        waiting.append((node, False))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                _check_key(key, file)
                waiting.append((value, True))
        else:
            waiting += [(value, True) for value in node.value]


def _check_key(key: yaml.Node, file: Path) -> None:
    if not isinstance(key, yaml.ScalarNode):
        raise UserError(f"{file}, line {_line(key)}: a key must be text, not a collection.")
    if kind := ANYTHING_BUT_TEXT.get(key.tag.rpartition(":")[2]):
        raise UserError(
            f"{file}, line {_line(key)}: the key or label {key.value or '(none)'} is {kind} in "
            f"YAML. Write it in quotes: '{key.value}'."
        )


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1
