"""The config schema: every key that a user may set, checked before any work starts.

YAML under `conf/` holds the defaults. The allowed keys and values are read from the signatures of
the classes and functions that take the options (see `g2p.config.components`), so a new model,
source or split is checked from its own file. This module and its imports stay free of torch, so
that a wrong key is refused at once.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from g2p.config.combinations import check_combinations
from g2p.config.constraints import (
    Divides,
    LessThan,
    NullOnlyWith,
    OptionsOf,
    Seed,
    UserCode,
)
from g2p.config.locate import EXAMPLE, is_dotted
from g2p.config.options import Option, option_of, options_without_effect
from g2p.config.registry import (
    GROUPS,
    PRESETS,
    USER_GROUPS,
    choice_options,
    choices,
    is_baseline,
    shipped_choices,
)
from g2p.config.user_code import check_user_code
from g2p.core.errors import CodeError, OptionError
from g2p.core.phrases import listed, nearest

TOP_LEVEL = {
    "phenotype": Option(str | list),
    "seed": option_of(Seed),
    "force": Option(bool),
}
PATHS = {"data": Option(Path), "cache": Option(Path), "runs": Option(Path)}

MOST_DIVISORS_TRIED = 10_000  # for a message

# The keys of trainer that a model without epochs takes.
BASELINE_KEYS = ("accelerator", "metrics")


def inapplicable_keys(config: Mapping) -> dict[str, str]:
    """Return the keys of a valid config that have no effect: dotted key -> why.

    Of a user's code that is not there, as when its runs are listed, all keys count.
    """
    model = config["model"]["name"]
    keys = {}
    for group in GROUPS:
        try:
            options = choice_options(group, config[group].get("name"))
        except CodeError:
            continue
        for key, (switch, how) in options_without_effect(options, config[group]).items():
            keys[f"{group}.{key}"] = f"{group}.{switch} is {how}"
    if is_baseline(model):
        why = f"model={model} is fitted in closed form, without optimizer and epochs"
        keys["optim"] = why
        keys |= {f"optim.{key}": why for key in config["optim"]}
        keys |= {f"trainer.{key}": why for key in config["trainer"] if key not in BASELINE_KEYS}
    return keys


def check(config: Mapping, set_by_user: Iterable[str] = ()) -> None:
    """Refuse an invalid or contradictory config, before any work starts.

    Args:
        config: the resolved config, as plain dicts.
        set_by_user: dotted keys and groups that the user set. A key that has no effect is refused
            among these, but not as a default.

    Raises:
        OptionError: naming the key, what is allowed, and the nearest match.
    """
    for key in config:
        if key not in (*GROUPS, *TOP_LEVEL, "paths"):
            raise OptionError(unknown_key(key, [*GROUPS, *TOP_LEVEL, "paths"]))
    for group in GROUPS:
        check_group(group, config)
    _check_options("", TOP_LEVEL, {key: config[key] for key in TOP_LEVEL if key in config})
    if not isinstance(config.get("paths"), Mapping):
        raise OptionError(f"paths must hold {listed(PATHS)}, not {config.get('paths')!r}.")
    _check_options("paths.", PATHS, config["paths"])
    names = config["phenotype"]
    if isinstance(names, list) and not all(isinstance(name, str) for name in names):
        raise OptionError(f"phenotype must be a name, a list of names, or all, not {names!r}.")
    check_combinations(config)
    idle = inapplicable_keys(config) if set_by_user else {}
    if "trainer.loss" in idle:
        idle["loss"] = idle["trainer.loss"]  # the group that sets it
    for key in set_by_user:
        reasons = (why for name, why in idle.items() if f"{key}.".startswith(f"{name}."))
        if why := next(reasons, None):
            raise OptionError(f"{key} has no effect: {why}. Remove it.")


def check_group(group: str, config: Mapping) -> None:
    """Refuse a group of a config whose choice does not exist, or has other options."""
    values = config.get(group)
    text = (group, repr(values))
    if text in _checked:
        return
    if not isinstance(values, Mapping):
        raise OptionError(unknown_choice(group, values))
    name = None if group in PRESETS else values.get("name")
    is_users = is_dotted(name) and group in USER_GROUPS  # a user's file, which may change
    if group not in PRESETS and not is_users and name not in shipped_choices(group):
        raise OptionError(unknown_name(group, name))
    _check_choice(group, name, values, group)
    if not is_users:
        _checked.add(text)


_checked: set[tuple[str, str]] = set()  # valid groups: the runs of a study share most of them


def _check_choice(group: str, name: str | None, values: Mapping, prefix: str) -> None:
    """Check the options of one choice, whose keys begin with `prefix`."""
    values = {key: value for key, value in values.items() if key != "name" or name is None}
    options = choice_options(group, name)
    _check_options(f"{prefix}.", options, values, group, name)
    for key, option in options.items():
        for rule in option.rules:
            _check_siblings(group, key, rule, values)
            if isinstance(rule, OptionsOf):
                _check_choice(group, rule.choice, values[key], f"{prefix}.{key}")


def _check_siblings(group: str, key: str, rule: object, values: Mapping) -> None:
    if isinstance(rule, Divides) and values[rule.whole] % values[key]:
        whole = values[rule.whole]
        raise OptionError(
            f"{group}.{key}={values[key]} does not divide {group}.{rule.whole}={whole}. "
            f"It may be {listed(map(str, _divisors(whole)))}."
        )
    if isinstance(rule, UserCode):
        check_user_code(f"{group}.{key}", values[key], rule.kind)
    if isinstance(rule, NullOnlyWith) and values[key] is None and values[rule.other] is None:
        raise OptionError(
            f"{group}.{key} and {group}.{rule.other} are both null; one of them must be a number."
        )
    if isinstance(rule, LessThan) and values[key] >= values[rule.bound]:
        raise OptionError(
            f"{group}.{key}={values[key]} must be below {group}.{rule.bound}={values[rule.bound]}."
        )


def _divisors(whole: int) -> list[int]:
    return [n for n in range(1, min(whole, MOST_DIVISORS_TRIED) + 1) if whole % n == 0]


def _check_options(
    prefix: str, options: Mapping[str, Option], values: Mapping, group: str | None = None,
    name: str | None = None,
) -> None:  # fmt: skip
    """Check options whose keys begin with `prefix`, of a choice of a group if they are one's."""
    for key in values:
        if key not in options:
            allowed = [f"{prefix}{option}" for option in options]
            raise OptionError(unknown_key(f"{prefix}{key}", allowed, group, name))
    for key, option in options.items():
        if key not in values:
            raise OptionError(f"{prefix}{key} is missing.")
        if problem := option.problem(values[key]):
            raise OptionError(f"{prefix}{key} {problem}.")


def unknown_choice(group: str, choice: object, allowed: list[str] | None = None) -> str:
    """The message for a choice that a group does not have."""
    allowed = allowed or choices(group)
    hint = ""
    if is_dotted(choice) and group in USER_GROUPS:
        hint = f" Code of your own is named in a YAML of --config-dir: name: {choice}."
    return (
        f"{group}={choice} does not exist.{nearest(str(choice), allowed)} "
        f"{group} is one of {listed(allowed)}.{hint}"
    )


def unknown_name(group: str, name: object) -> str:
    """The message for a component that neither g2p has nor a user, in a YAML that exists."""
    message = unknown_choice(group, name, shipped_choices(group))
    if group in USER_GROUPS:
        message += f" Code of your own is named by module and name, such as {EXAMPLE}."
    return message


def unknown_key(
    key: str, allowed: list[str], group: str | None = None, name: str | None = None
) -> str:
    """The message for a key that does not exist, with the choices that have it."""
    option = key.rpartition(".")[2]
    elsewhere = ""
    if group is not None and name is not None:
        others = [
            other
            for other in shipped_choices(group)
            if other != name and option in choice_options(group, other)
        ]
        if others:
            elsewhere = f" {group}={listed(others)} has it."
    of = f" of {group}={name}" if name else ""
    return (
        f"{key} is not an option{of}.{nearest(key, allowed)}{elsewhere} "
        f"Allowed: {listed(allowed) or 'none'}."
    )
