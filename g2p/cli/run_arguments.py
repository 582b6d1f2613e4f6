"""Arguments of commands about one finished run: run=RUN, options of the command, data=..."""

from collections.abc import Mapping
from pathlib import Path

from g2p.core.errors import OptionError, RunError
from g2p.core.phrases import listed, nearest
from g2p.runs.directory import SIGNATURE


def parse_arguments(
    arguments: list[str], defaults: Mapping[str, str], choices: Mapping[str, tuple[str, ...]],
    command: str,
) -> tuple[dict[str, str], list[str]]:  # fmt: skip
    """Return the command's options with their values, and the overrides of `data` and `paths`.

    Args:
        arguments: key=value each.
        defaults: of the options, `run` among them; empty where there is none.
        choices: the values that an option may have, of those that have a choice of them.
        command: for messages.

    Raises:
        OptionError: for an option that the command does not take, that is there twice, or whose
            value is not among its choices, and where run=RUN is missing.
    """
    options: dict[str, str] = {}
    overrides = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key in defaults:
            if key in options:
                raise OptionError(f"{key} is given twice. Keep one.")
            options[key] = value
        elif key.lstrip("+").partition(".")[0] in ("data", "paths"):
            overrides.append(argument)
        else:
            raise OptionError(
                f"{key} is not an option of {command}.{nearest(key, defaults)} "
                f"It takes {listed(defaults)}, data and paths."
            )
    if not options.get("run"):
        raise OptionError("run=RUN is missing: the directory of a finished run.")
    options = {**defaults, **options}
    for key, allowed in choices.items():
        if options[key] not in allowed:
            raise OptionError(f"{key} must be one of {listed(allowed)}, not {options[key]!r}.")
    return options, overrides


def find_run(run: str, runs: Path) -> Path:
    """Return a run's directory, from its path or from its signature alone."""
    folder = Path(run).expanduser()
    if folder.is_dir() or not SIGNATURE.fullmatch(run):
        return folder
    if not (runs / run).is_dir():
        raise RunError(f"run={run}: this folder exists neither here nor in paths.runs={runs}.")
    return runs / run
