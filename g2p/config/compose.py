"""From the overrides of a command line to a checked config.

Hydra takes a tenth of a second to compose one, and most runs of a grid or a study differ in plain
values alone. So the groups are composed once, and plain values are set in a copy.
"""

import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, QuotedString, RangeSweep
from hydra.errors import HydraException
from omegaconf import OmegaConf

from g2p.config.complete import completed
from g2p.config.registry import GROUPS, OVERLAYS, choices, is_group
from g2p.config.run_config import RunConfig
from g2p.config.schema import check, unknown_choice
from g2p.config.search_path import composing, folders_state, search_path
from g2p.config.user_files import check_chosen_files
from g2p.core.errors import OptionError
from g2p.core.messages import format_error
from g2p.core.typed_command import typed_command

MOST_JOBS = 100_000  # of one command
MOST_ENDS = 1000  # combinations of the ends of a search's ranges; beyond, each end is checked alone
REFERENCE = re.compile(r"\$\{([^}]*)\}")


def compose_config(overrides: Sequence[str], *, of_many: bool = False) -> RunConfig:
    """Return the checked config of a command's overrides.

    An override without effect is refused, unless they are `of_many` runs: some may need it.

    Raises:
        OptionError: naming the key or choice that is wrong, or that has several values.
    """
    parsed = _parse_single_values(overrides)
    _check_choices(parsed)
    config = RunConfig.of(completed(_config(parsed)))
    check(config, () if of_many else run_keys(parsed))
    return config


def component_of(group: str, choice: str) -> str | None:
    """Return what a choice names: ridge, or my_pkg.nets.MLP for a choice of a user's own."""
    return _config(parse([f"{group}={choice}"]))[group].get("name")


def overridden_keys(overrides: Sequence[str]) -> list[str]:
    """Return the keys and groups that a command's overrides set, those of Hydra included."""
    return [override.key_or_group for override in parse(overrides)]


def overridden_values(overrides: Sequence[str]) -> dict:
    """Return key or group -> value. Raises OptionError for an override with several values."""
    parsed = _parse_single_values(overrides)
    return {o.key_or_group: plain(o.value()) for o in parsed if not o.is_delete()}


def _parse_single_values(overrides: Sequence[str]) -> list[Override]:
    parsed = parse(overrides)
    refuse_repeated_keys(o for o in parsed if not o.key_or_group.startswith("hydra"))
    for override in parsed:
        if override.is_sweep_override():
            raise OptionError(f"{override.input_line} is several values: quote it if it is one.")
    return parsed


def refuse_repeated_keys(overrides: Iterable[Override]) -> None:
    """Refuse a key that is set twice, since only the last value would count.

    A group and its keys (model=rung model.ffn=true) do not overlap; a mapping and a key within it
    (paths={...} paths.runs=here) do.
    """
    earlier: dict[str, Override] = {}
    for override in overrides:
        key = override.key_or_group
        for other, first in earlier.items():
            if key == other or (_overlap(key, other) and is_value(key) and is_value(other)):
                raise OptionError(
                    f"{min(key, other, key=len)} is given twice: {first.input_line} and "
                    f"{override.input_line}. Keep one."
                )
        earlier[key] = override


def plain(value: Any) -> Any:
    """Return an override's value without Hydra's quotes."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.text if isinstance(value, QuotedString) else value


def run_keys(overrides: Sequence[Override]) -> list[str]:
    """Return the keys and groups that overrides set, without those of Hydra."""
    return [o.key_or_group for o in overrides if not o.key_or_group.startswith("hydra")]


def text_of(override: Override) -> str:
    """Return an override as it was written."""
    return override.input_line or ""  # which Hydra leaves empty for what was not parsed


def parse(overrides: Sequence[str]) -> list[Override]:
    """Parse overrides as Hydra does."""
    return [_parse_override(override) for override in overrides]


@cache
def _parse_override(override: str) -> Override:
    # Only a glob needs the list of choices.
    loader = ConfigLoaderImpl(search_path()) if "glob(" in override else None
    try:
        return OverridesParser.create(loader).parse_overrides([override])[0]
    except HydraException as error:
        raise OptionError(format_error(error)) from None


def jobs(overrides: Sequence[Override]) -> Iterator[list[str]]:
    """Yield the overrides of each job of a multirun; of a search, at the ends of its ranges."""
    ends = [alternatives(override) for override in overrides]
    number = math.prod(map(len, ends))
    is_search = any(o.is_sweep_override() and not o.is_discrete_sweep() for o in overrides)
    if is_search and number > MOST_ENDS:
        first = [values[0] for values in ends]
        for i, values in enumerate(ends):
            for value in values:
                yield [*first[:i], value, *first[i + 1 :]]
    elif number > MOST_JOBS:
        raise OptionError(f"these are {number:,} runs; a command may have at most {MOST_JOBS:,}.")
    else:
        yield from map(list, itertools.product(*ends))


def alternatives(override: Override) -> list[str]:
    """Return the overrides of a sweep's values; of a range that a sweeper samples, its two ends.

    Raises:
        OptionError: for a sweep without values, or without an end.
    """
    if not override.is_sweep_override():
        return [text_of(override)]
    key = override.get_key_element()
    sweep = override.value()
    if isinstance(sweep, IntervalSweep):
        return [f"{key}={sweep.start}", f"{key}={sweep.end}"]
    if isinstance(sweep, RangeSweep) and not _is_short(sweep):
        raise OptionError(f"{override.input_line} has more than {MOST_JOBS:,} values.")
    values = [f"{key}={value}" for value in override.sweep_string_iterator()]
    if not values:
        raise OptionError(f"{override.input_line} has no values.")
    return values


def _is_short(sweep: RangeSweep) -> bool:
    """Whether a range ends within the limit; Hydra builds a list of all its values."""
    length = (sweep.stop or 0) - (sweep.start or 0)
    return sweep.step != 0 and length / sweep.step <= MOST_JOBS


def _check_choices(overrides: Sequence[Override]) -> None:
    for override in overrides:
        group, value = override.key_or_group, override.value()
        if group in ("study", "size"):
            name = value if group == "study" else "NAME"
            sweep = typed_command("sweep")
            raise OptionError(f"{group}={value}: {sweep} study={name} trains a study.")
        if group in (*GROUPS, *OVERLAYS) and not override.is_delete():
            if value not in choices(group):
                raise OptionError(unknown_choice(group, value))
            if group in OVERLAYS and override.is_add():
                raise OptionError(f"{override.input_line}: leave out the +.")


def _config(overrides: Sequence[Override]) -> dict:
    simple = [override for override in overrides if sets_plain_value(override)]
    others = [override for override in overrides if not sets_plain_value(override)]
    state = folders_state()
    text, referenced = _compose_by_hydra(tuple(map(_allow_new_key, others)), state)
    config = json.loads(text)
    # Where order or other values matter, Hydra composes all of it.
    dependent = {*referenced, *(o.key_or_group for o in others if is_value(o.key_or_group))}
    for override in simple:
        key = override.key_or_group
        if any(_overlap(key, other) for other in dependent) or not _set(config, override):
            return json.loads(_compose_by_hydra(tuple(map(_allow_new_key, overrides)), state)[0])
    return config


@cache
def _compose_by_hydra(overrides: tuple[str, ...], _state: tuple) -> tuple[str, frozenset[str]]:
    """Return the resolved config as JSON, and the keys that other values refer to.

    `_state` is that of a user's YAML files, so that an edited one is read again.
    """
    # Hydra would follow an alias to itself, or a billion of them.
    check_chosen_files({o.key_or_group: plain(o.value()) for o in parse(overrides)})
    with composing():
        config = hydra.compose("config", overrides=list(overrides))
    raw = json.dumps(OmegaConf.to_container(config))
    resolved = json.dumps(OmegaConf.to_container(config, resolve=True))
    return resolved, frozenset(REFERENCE.findall(raw))


def sets_plain_value(override: Override) -> bool:
    """Whether an override is `key=value` with a value that depends on nothing else."""
    value = override.value()
    items = value if isinstance(value, list) else [value]
    is_nested = any(isinstance(item, dict | list) for item in items)
    is_special = any(mark in str(value) for mark in ("${", "???"))  # interpolated, missing
    is_plain = not (is_nested or is_special)
    return is_plain and _only_sets(override) and is_value(override.key_or_group)


def _set(config: dict, override: Override) -> bool:
    """Set one value; return False if the config has no such value, or a mapping."""
    *path, last = override.key_or_group.split(".")
    section: Any = config
    for part in path:
        section = section.get(part) if isinstance(section, dict) else None
    if not isinstance(section, dict) or last not in section or isinstance(section[last], Mapping):
        return False
    section[last] = override.value()
    return True


def _overlap(key: str, other: str) -> bool:
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def _allow_new_key(override: Override) -> str:
    """Return the override, allowed to add a key: g2p's check then reports an unknown key."""
    adds_key = _only_sets(override) and is_value(override.key_or_group)
    return f"++{override.input_line}" if adds_key else text_of(override)


def _only_sets(override: Override) -> bool:
    return not (override.is_add() or override.is_force_add() or override.is_delete())


def is_value(key: str) -> bool:
    return not is_group(key) and not key.startswith("hydra")
