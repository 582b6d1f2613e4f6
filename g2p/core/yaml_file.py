"""Reading a user's YAML file: small, finite and keyed by text, checked before values are built.

A few lines of YAML can stand for billions of values: an alias may refer to a list of aliases, or to
the collection that contains it.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import yaml
from omegaconf._utils import get_yaml_loader

from g2p.core.errors import OptionError

MOST_BYTES = 1_000_000
MOST_NODES = 100_000  # values and collections, each alias counted as what it stands for
MOST_LEVELS = 50
NOT_TEXT = {"int": "a number", "float": "a number", "bool": "a boolean", "null": "null"}


def read_yaml(file: Path) -> str:
    """Return the file's text.

    Raises:
        OptionError: naming the file and the line, if the file is too large, is not YAML, contains
            itself, or has a key that is not text.
    """
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise OptionError(f"{file} has {size:,} bytes; at most {MOST_BYTES:,} are read.")
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=get_yaml_loader())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise OptionError(f"{file} cannot be read: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise OptionError(f"{file} is nested more than {MOST_LEVELS} levels deep.") from None
    if root is not None:
        _check(root, file, (), count(1))
    return text


def _check(
    node: yaml.Node, file: Path, ancestors: tuple[yaml.Node, ...], numbers: Iterator[int]
) -> None:
    """Walk all values that a node stands for, up to the limits; `numbers` counts them."""
    if node in ancestors:
        raise OptionError(f"{file}, line {_line(node)}: this collection contains itself.")
    if next(numbers) > MOST_NODES:
        raise OptionError(f"{file} holds more than {MOST_NODES:,} values, aliases expanded.")
    if isinstance(node, yaml.ScalarNode):
        return
    ancestors = (*ancestors, node)
    if len(ancestors) > MOST_LEVELS:
        raise OptionError(f"{file}, line {_line(node)}: more than {MOST_LEVELS} levels deep.")
    values = node.value
    if isinstance(node, yaml.MappingNode):
        for key, _ in node.value:
            _check_key(key, file)
        values = [value for _, value in node.value]
    for value in reversed(values):
        _check(value, file, ancestors, numbers)


def _check_key(key: yaml.Node, file: Path) -> None:
    if not isinstance(key, yaml.ScalarNode):
        raise OptionError(f"{file}, line {_line(key)}: a key must be text, not a collection.")
    if kind := NOT_TEXT.get(key.tag.rpartition(":")[2]):
        raise OptionError(
            f"{file}, line {_line(key)}: the key or label {key.value or '(empty)'} is {kind} in "
            f"YAML. Write it in quotes: '{key.value}'."
        )


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1
