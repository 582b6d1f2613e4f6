"""Filters of runs: `key=value` as for train.py, compared with the configs of stored runs.

A run whose model lacks the key does not match. `a,b` means either, `interval(a,b)` between.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override

from g2p.config.compose import alternatives, component_of, compose_config, parse, plain
from g2p.config.constraints import OptionsOf
from g2p.config.locate import is_dotted
from g2p.config.options import Option
from g2p.config.registry import (
    GROUPS,
    PRESETS,
    USER_GROUPS,
    choice_options,
    choices,
    shipped_choices,
)
from g2p.config.schema import TOP_LEVEL, unknown_choice
from g2p.core.errors import OptionError
from g2p.core.phrases import listed, nearest
from g2p.core.typed_command import typed_command
from g2p.runs.index import StoredRun, stored_runs
from g2p.runs.status import STATES, UNFINISHED

PLAIN_KEYS = ("status", *TOP_LEVEL)
OF_A_USER = (
    " A choice of your own needs --config-dir; without it, name its class: model=my_pkg.nets.MLP."
)


def parse_filter(override_text: str, folder: Path) -> Callable[[StoredRun], bool]:
    """Return a function from a run to whether it matches a filter such as `model=ridge`.

    Args:
        override_text: the filter.
        folder: of the runs; a key that one of them has is a key, as an option of a user's model.

    Raises:
        OptionError: for a key or a choice that does not exist, naming the nearest.
    """
    (override,) = parse([override_text]) if "=" in override_text else (None,)
    if override is None or override.is_add() or override.is_force_add() or override.is_delete():
        raise OptionError(
            f"{override_text} is not a filter. Write key=value, as for {typed_command('train')}, "
            "or status=done."
        )
    key = override.key_or_group
    if key == "status":
        values = _values(override, [*STATES, "unfinished"])
        states = {*values, *(UNFINISHED if "unfinished" in values else ())}
        return lambda run: run.state in states
    if key == "phenotype":
        from g2p.data.sources.yeast import ALIASES  # scikit-learn comes with it, a second

        values = _values(override)
        return lambda run: any(_predicts(run, value, ALIASES) for value in values)
    if key in GROUPS:
        values = _values(override)
        for value in values:
            if value not in choices(key) and not (key in USER_GROUPS and is_dotted(value)):
                raise OptionError(unknown_choice(key, value) + OF_A_USER * (key in USER_GROUPS))
        matching = [_choice_keys(key, value) for value in values]
    elif key in _options() or _is_stored(key, folder):
        bounds = override.value()
        if isinstance(bounds, IntervalSweep):
            return lambda run: _within(run.config.get(key), bounds.start or 0, bounds.end or 0)
        matching = [{key: value} for value in _values(override)]
        if key in _options():
            _check_values(key, [each[key] for each in matching])
    else:
        prefix = f"{key.partition('.')[0]}."
        allowed = [k for k in filter_keys() if k.startswith(prefix)] or [*PLAIN_KEYS, *GROUPS]
        raise OptionError(
            f"{key} is not a key of any run.{nearest(key, filter_keys())} "
            f"Allowed: {listed(allowed)}."
        )
    return lambda run: any(_matches(run.config, each) for each in matching)


def _choice_keys(group: str, choice: str) -> dict:
    """Return the keys, with their values, that the runs of a group's choice have."""
    if group in PRESETS:
        return _preset_keys(group)[choice]
    is_users = choice in choices(group) and choice not in shipped_choices(group)
    return {f"{group}.name": component_of(group, choice) if is_users else choice}


def _is_stored(key: str, folder: Path) -> bool:
    return folder.is_dir() and any(key in run.config for run in stored_runs(folder))


def _check_values(key: str, values: Iterable) -> None:
    """Refuse a value that no model or source allows for the key."""
    group, _, option = key.partition(".")
    for value in values:
        if option == "name" and value not in choices(group) and not is_dotted(value):
            raise OptionError(unknown_choice(group, value))
        problems = [each.problem(value) for each in _options()[key]]
        if problems and all(problems):
            raise OptionError(f"{key} {problems[0]}.")


def _values(override: Override, allowed: Collection[str] | None = None) -> list[Any]:
    """Return the values of a filter, one or several."""
    values = [plain(parse([text])[0].value()) for text in alternatives(override)]
    for value in values:
        if allowed is not None and value not in allowed:
            raise OptionError(unknown_choice(override.key_or_group, value, list(allowed)))
    return values


def _predicts(run: StoredRun, matching: str | list, aliases: Mapping) -> bool:
    names = matching if isinstance(matching, list) else [matching]
    return all({name, aliases.get(name, name)} & run.phenotypes for name in map(str, names))


def _matches(config: Mapping, matching: Mapping) -> bool:
    return all(
        key in config and config[key] == value and is_bool(config[key]) == is_bool(value)
        for key, value in matching.items()
    )


def _within(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not is_bool(value) and low <= value <= high


def is_bool(value: object) -> bool:
    return isinstance(value, bool)  # which Python takes for a number: 1 == True


@cache
def _preset_keys(group: str) -> dict[str, dict]:
    """Return of each preset of a group the keys that differ between its presets."""
    presets = {name: getattr(compose_config([f"{group}={name}"]), group) for name in choices(group)}
    first, *others = presets.values()
    keys = [key for key in first if any(other[key] != first[key] for other in others)]
    return {name: {f"{group}.{key}": v[key] for key in keys} for name, v in presets.items()}


def filter_keys() -> list[str]:
    """Return every key that some run can have, and every group."""
    return [*PLAIN_KEYS, *(key for key in _options() if key not in TOP_LEVEL)]


@cache
def _options() -> dict[str, list[Option]]:
    """Return every key that some run can have -> the options that the choices of its group have."""
    options: dict[str, list[Option]] = {key: [option] for key, option in TOP_LEVEL.items()}
    for group in GROUPS:
        options[group] = []
        for name in [None] if group in PRESETS else choices(group):
            if name:
                options[f"{group}.name"] = []
            for key, option in choice_options(group, name).items():
                inner = [rule.choice for rule in option.rules if isinstance(rule, OptionsOf)]
                options.setdefault(f"{group}.{key}", []).extend([] if inner else [option])
                for choice in inner:
                    for below, each in choice_options(group, choice).items():
                        options.setdefault(f"{group}.{key}.{below}", []).append(each)
    return options
