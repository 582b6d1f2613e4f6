"""From the words of a command line to a checked config, as plain dicts.

Hydra takes a tenth of a second to compose one, and most runs of a grid or a study differ in plain
values alone. So what groups make is composed once, and plain values are set in a copy of it.
"""

import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString, RangeSweep
from omegaconf import OmegaConf

from g2p.config.registry import CONF, GROUPS, OVERLAYS, choices
from g2p.config.schema import check, unknown_choice
from g2p.core.errors import UserError

MOST_JOBS = 100_000  # of one command
MOST_ENDS = 1000  # combinations of the ends of a search's ranges that are all checked
REFERENCE = re.compile(r"\$\{([^}]*)\}")


def compose_config(words: Sequence[str], *, of_many: bool = False) -> dict:
    """The checked config of a command's overrides.

    An override without effect is refused, unless it is `of_many` runs: some may need it.

    Raises:
        UserError: naming the key or choice that is wrong, or that is several.
    """
    parsed = _of_one(words)
    _check_choices(parsed)
    config = _config(parsed)
    check(config, () if of_many else run_keys(parsed))
    return config


def overridden_keys(words: Sequence[str]) -> list[str]:
    """The keys and groups that a command's overrides set, Hydra's own among them."""
    return [override.key_or_group for override in parse(words)]


def overridden_values(words: Sequence[str]) -> dict:
    """Key or group -> value, of overrides that give one; of several, UserError."""
    return {o.key_or_group: plain(o.value()) for o in _of_one(words) if not o.is_delete()}


def _of_one(words: Sequence[str]) -> list[Override]:
    parsed = parse(words)
    refuse_repeated_keys(override for override in parsed if not _of_hydra(override))
    for override in parsed:
        if override.is_sweep_override():
            raise UserError(f"{override.input_line} is several values: quote it if it is one.")
    return parsed


def refuse_repeated_keys(overrides: Iterable[Override]) -> None:
    """Refuse a key that is given twice, since the last alone would count.

    A group and its keys (model=rung model.ffn=true) are different things; a value and what lies
    within it (paths={...} paths.runs=here) are not.
    """
    seen: dict[str, Override] = {}
    for override in overrides:
        key = override.key_or_group
        for other, before in seen.items():
            within = _overlap(key, other) and _is_value(key) and _is_value(other)
            if key == other or within:
                raise UserError(
                    f"{min(key, other, key=len)} is given twice: {before.input_line} and "
                    f"{override.input_line}. Keep one."
                )
        seen[key] = override


def plain(value):
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.text if isinstance(value, QuotedString) else value


def run_keys(overrides: Sequence[Override]) -> list[str]:
    """The keys and groups that overrides set, without Hydra's own."""
    return [o.key_or_group for o in overrides if not _of_hydra(o)]


def _of_hydra(override: Override) -> bool:
    return override.key_or_group.startswith("hydra")


def parse(words: Sequence[str]) -> list[Override]:
    return [_parsed(word) for word in words]


@cache
def _parsed(word: str) -> Override:
    # Which choices there are only a glob needs to know.
    loader = _loader() if "glob(" in word else None
    return OverridesParser.create(loader).parse_overrides([word])[0]


@cache
def _loader() -> ConfigLoaderImpl:
    return ConfigLoaderImpl(create_config_search_path(str(CONF)))


def jobs(overrides: Sequence[Override]) -> Iterator[list[str]]:
    """The overrides of each job of a multirun; of a search, those at the ends of its ranges."""
    ends = [alternatives(override) for override in overrides]
    number = math.prod(map(len, ends))
    sampled = any(o.is_sweep_override() and not o.is_discrete_sweep() for o in overrides)
    if sampled and number > MOST_ENDS:
        first = [words[0] for words in ends]
        for i, words in enumerate(ends):
            for word in words:
                yield [*first[:i], word, *first[i + 1 :]]
    elif number > MOST_JOBS:
        raise UserError(f"this is {number:,} runs; one command may ask for {MOST_JOBS:,} at most.")
    else:
        yield from map(list, itertools.product(*ends))


def alternatives(override: Override) -> list[str]:
    """The overrides that a sweep stands for; the ends of a range that a sweeper samples.

    Raises:
        UserError: for an empty one, or one without an end.
    """
    if not override.is_sweep_override():
        return [override.input_line]
    key = override.get_key_element()
    if override.is_interval_sweep():
        sweep = override.value()
        return [f"{key}={sweep.start}", f"{key}={sweep.end}"]
    if isinstance(sweep := override.value(), RangeSweep) and not _is_short(sweep):
        raise UserError(f"{override.input_line} is more than {MOST_JOBS:,} values.")
    values = [f"{key}={value}" for value in override.sweep_string_iterator()]
    if not values:
        raise UserError(f"{override.input_line} is no value at all.")
    return values


def _is_short(sweep: RangeSweep) -> bool:
    """Whether a range has an end, and that before long; Hydra writes all of it out."""
    return sweep.step != 0 and (sweep.stop - sweep.start) / sweep.step <= MOST_JOBS


def _check_choices(overrides: Sequence[Override]) -> None:
    for override in overrides:
        group, value = override.key_or_group, override.value()
        if group in ("study", "size"):
            name = value if group == "study" else "NAME"
            raise UserError(
                f"{group}={value} is for sweep.py: python sweep.py study={name} trains a study."
            )
        if group in (*GROUPS, *OVERLAYS) and not override.is_delete():
            if value not in choices(group):
                raise UserError(unknown_choice(group, value))
            if group in OVERLAYS and override.is_add():
                raise UserError(f"{override.input_line}: leave out the +.")


def _config(overrides: Sequence[Override]) -> dict:
    plain = [override for override in overrides if _sets_a_plain_value(override)]
    others = [override for override in overrides if not _sets_a_plain_value(override)]
    text, referenced = _composed(tuple(map(_open, others)))
    config = json.loads(text)
    # Where order or other values matter, Hydra does all of it.
    delicate = {*referenced, *(o.key_or_group for o in others if _is_value(o.key_or_group))}
    for override in plain:
        key = override.key_or_group
        if any(_overlap(key, other) for other in delicate) or not _set(config, override):
            return json.loads(_composed(tuple(map(_open, overrides)))[0])
    return config


@cache
def _composed(words: tuple[str, ...]) -> tuple[str, frozenset[str]]:
    """The resolved config as JSON, and the keys that other values refer to."""
    state = GlobalHydra.instance()
    outer, state.hydra = state.hydra, None  # a launcher composes while Hydra is at work
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            config = hydra.compose("config", overrides=list(words))
    finally:
        state.hydra = outer
    raw = json.dumps(OmegaConf.to_container(config))
    return json.dumps(OmegaConf.to_container(config, resolve=True)), frozenset(
        REFERENCE.findall(raw)
    )


def _sets_a_plain_value(override: Override) -> bool:
    """`key=value`, whose value means itself wherever it stands."""
    value = override.value()
    items = value if isinstance(value, list) else [value]
    nested = any(isinstance(item, dict | list) for item in items)
    special = any(mark in str(value) for mark in ("${", "???"))  # interpolated, missing
    return not nested and not special and _only_sets(override) and _is_value(override.key_or_group)


def _set(config: dict, override: Override) -> bool:
    """Set one value; False where there is none yet, or a mapping."""
    *path, last = override.key_or_group.split(".")
    for part in path:
        config = config.get(part)
        if not isinstance(config, dict):
            return False
    if last not in config or isinstance(config[last], Mapping):
        return False
    config[last] = override.value()
    return True


def _overlap(key: str, other: str) -> bool:
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def _open(override: Override) -> str:
    """The override, allowed to add a key: our own check then says what is wrong with it."""
    opened = _only_sets(override) and _is_value(override.key_or_group)
    return f"++{override.input_line}" if opened else override.input_line


def _only_sets(override: Override) -> bool:
    return not (override.is_add() or override.is_force_add() or override.is_delete())


def _is_value(key: str) -> bool:
    return not (CONF / key).is_dir() and not key.startswith("hydra")
