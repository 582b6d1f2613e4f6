"""Reading a user's YAML file: small, finite and keyed by text, checked before values are built.

A few lines of YAML can stand for billions of values: an alias may refer to a list of aliases, or to
the collection that contains it.
"""

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
        _check(root, file)
    return text


def _check(root: yaml.Node, file: Path) -> None:
    """Walk all values that the nodes stand for, up to the limits."""
    ancestors: set[int] = set()  # of the current node
    number = 0
    pending = [(root, True)]
    while pending:
        node, is_entered = pending.pop()
        if not is_entered:
            ancestors.remove(id(node))
            continue
        if id(node) in ancestors:
            raise OptionError(f"{file}, line {_line(node)}: this collection contains itself.")
        number += 1
        if number > MOST_NODES:
            raise OptionError(f"{file} holds more than {MOST_NODES:,} values, aliases expanded.")
        if isinstance(node, yaml.ScalarNode):
            continue
        ancestors.add(id(node))
        if len(ancestors) > MOST_LEVELS:
            raise OptionError(f"{file}, line {_line(node)}: more than {MOST_LEVELS} levels deep.")
        pending.append((node, False))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                _check_key(key, file)
                pending.append((value, True))
        else:
            pending += [(value, True) for value in node.value]


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
