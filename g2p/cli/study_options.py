"""The arguments of `sweep.py` that are not overrides of runs: study, size, seeds, tables."""

from pathlib import Path

from g2p.core.errors import OptionError
from g2p.core.typed_command import typed_command

NAMES = ("study", "size", "seeds", "tables")


def split_arguments(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the options of a study, name -> text, and the overrides of its runs.

    Raises:
        OptionError: for an argument that is neither, or an option that is there twice.
    """
    options: dict[str, str] = {}
    overrides = []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals and not key.startswith("~"):
            raise OptionError(
                f"{argument} is not an argument of {typed_command('sweep')}: "
                "study=NAME, size=smoke or key=value."
            )
        if key in NAMES:
            if key in options:
                raise OptionError(f"{key} is given twice: {options[key]} and {value}. Keep one.")
            options[key] = value
        else:
            overrides.append(argument)
    return options, overrides


def read_seeds(text: str | None) -> list[int] | None:
    """Return the seeds of `seeds=0,1`; None where there are none.

    Raises:
        OptionError: for what is no whole number, or is there twice.
    """
    if text is None:
        return None
    items = _items(text)
    if not items or not all(item.isdecimal() for item in items):
        raise OptionError(f"seeds={text} must be whole numbers, such as seeds=0,1.")
    seeds = list(map(int, items))
    if len(set(seeds)) < len(seeds):
        raise OptionError(f"seeds={text} has a seed twice.")
    return seeds


def read_tables(text: str | None) -> list[Path]:
    """Return the files of `tables=[a.parquet,b.parquet]`, of parts that ran elsewhere.

    Raises:
        OptionError: where there is none, or one does not exist.
    """
    if text is None:
        return []
    paths = [Path(item).expanduser() for item in _items(text)]
    if not paths:
        raise OptionError("tables=... names no file, as tables=[a.parquet,b.parquet] does.")
    for path in paths:
        if not path.is_file():
            raise OptionError(f"tables: there is no file {path}.")
    return paths


def _items(text: str) -> list[str]:
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    return [item.strip().strip("'\"") for item in inner.split(",") if item.strip()]
