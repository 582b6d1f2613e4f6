"""Which runs a word means: `key=value` as for train.py, read against what their configs say.

A key that a run's model does not have does not fit. `a,b` is either, `interval(a,b)` between.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from hydra.core.override_parser.types import Override

from g2p.config.compose import alternatives, compose_config, parse, plain
from g2p.config.constraints import OptionsOf
from g2p.config.options import Option
from g2p.config.registry import GROUPS, PRESETS, choice_options, choices
from g2p.config.schema import TOP_LEVEL, unknown_choice
from g2p.core.errors import UserError, listed, nearest
from g2p.runs.index import STATES, StoredRun


def parse_filter(word: str) -> Callable[[StoredRun], bool]:
    """Whether a run fits a word.

    Raises:
        UserError: for a key or a choice that does not exist, naming the nearest.
    """
    (override,) = parse([word]) if "=" in word else (None,)
    if override is None or override.is_add() or override.is_force_add() or override.is_delete():
        raise UserError(f"{word} is no filter. One is key=value, as for train.py, or status=done.")
    key = override.key_or_group
    if key == "status":
        values = _values(override, STATES)
        return lambda run: run.state in values
    if key == "phenotype":
        from g2p.data.sources.yeast import ALIASES  # scikit-learn comes with it, a second

        values = _values(override)
        return lambda run: any(_predicts(run, value, ALIASES) for value in values)
    if key in GROUPS:
        values = _values(override, choices(key))
        wanted = [_distinguishing(key)[v] if key in PRESETS else {f"{key}.name": v} for v in values]
    elif key in _options():
        if override.is_interval_sweep():
            bounds = override.value()
            return lambda run: _within(run.config.get(key), bounds.start, bounds.end)
        wanted = [{key: value} for value in _values(override)]
        _check_values(key, [each[key] for each in wanted])
    else:
        above = f"{key.partition('.')[0]}."
        beside = [k for k in filter_keys() if k.startswith(above)] or [*_whole(), *GROUPS]
        raise UserError(
            f"{key} is no key that a run has.{nearest(key, filter_keys())} "
            f"Allowed: {listed(beside)}."
        )
    return lambda run: any(_agrees(run.config, each) for each in wanted)


def _check_values(key: str, values: Iterable) -> None:
    """Refuse a value that the key has in no run, whichever model or source has it."""
    group, _, option = key.partition(".")
    for value in values:
        if option == "name" and value not in choices(group):
            raise UserError(unknown_choice(group, value))
        problems = [each.problem(value) for each in _options()[key]]
        if problems and all(problems):
            raise UserError(f"{key} {problems[0]}.")


def _values(override: Override, allowed: Iterable[str] | None = None) -> list:
    """The values of a word, one or several."""
    values = [plain(parse([word])[0].value()) for word in alternatives(override)]
    for value in values:
        if allowed is not None and value not in allowed:
            raise UserError(unknown_choice(override.key_or_group, value, list(allowed)))
    return values


def _predicts(run: StoredRun, wanted: str | list, aliases: Mapping) -> bool:
    names = wanted if isinstance(wanted, list) else [wanted]
    return all({name, aliases.get(name, name)} & run.phenotypes for name in map(str, names))


def _agrees(config: Mapping, wanted: Mapping) -> bool:
    return all(
        key in config and config[key] == value and is_flag(config[key]) == is_flag(value)
        for key, value in wanted.items()
    )


def _within(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not is_flag(value) and low <= value <= high


def is_flag(value: object) -> bool:
    return isinstance(value, bool)  # which Python takes for a number: 1 == True


@cache
def _distinguishing(group: str) -> dict[str, dict]:
    """Of each preset of a group, the keys that differ between its presets."""
    presets = {name: compose_config([f"{group}={name}"])[group] for name in choices(group)}
    first, *others = presets.values()
    keys = [key for key in first if any(other[key] != first[key] for other in others)]
    return {name: {f"{group}.{key}": v[key] for key in keys} for name, v in presets.items()}


def _whole() -> list[str]:
    return ["status", *TOP_LEVEL]


def filter_keys() -> list[str]:
    """Return every key that some run can have, and every group."""
    return [*_whole(), *(key for key in _options() if key not in TOP_LEVEL)]


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
