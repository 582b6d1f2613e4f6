"""The options of a component: its keyword-only arguments, read without importing it.

A component (a model, a data source, a split, an optimizer) declares its options once, in the
signature of the class or function that takes them:

    def __init__(self, *, n_loci: int, num_heads: Annotated[int, AtLeast(1), Divides("width")])

`g2p.config.components` reads them from the source text, so that a wrong key is refused without
importing torch. Arguments in `FACTS` have their values at run time only and are not options.
"""

import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal

from g2p.config.constraints import AtMost, NeutralAt, OnlyAt, OnlyIf, Unless, UserCode

# Passed by the code that builds a component, never written in YAML.
FACTS = frozenset({
    "n_loci", "n_phenotypes", "genome_L2", "ridge", "lasso_effects", "ranked_L", "folder",
    "optional_facts",
})  # fmt: skip

# The same of functions of a user's own, which take them by position or by name.
CALLED_WITH = FACTS | {"panel", "columns", "parameters", "signature", "group", "config"}

# The largest whole number of an option without `AtMost`: the limit of libraries in C.
MOST = 2**31 - 1


@dataclass(frozen=True)
class Option:
    """One option: its type (a plain type, a union with None, or a Literal) and its rules."""

    type: Any
    rules: tuple = ()

    @property
    def is_path(self) -> bool:
        return Path in (self.type, *typing.get_args(self.type))

    @property
    def is_user_code(self) -> bool:
        return any(isinstance(rule, UserCode) for rule in self.rules)

    @property
    def _is_bounded(self) -> bool:
        return any(isinstance(rule, AtMost) for rule in self.rules)

    def is_neutral(self, value: Any) -> bool:
        """Whether the option changes nothing at this value: it is then in no signature."""
        if self.is_user_code and not value:
            return True
        return any(isinstance(rule, NeutralAt) and rule.value == value for rule in self.rules)

    def problem(self, value: Any) -> str | None:
        """The reason why `value` is not a valid value of this option, or None."""
        choices = typing.get_args(self.type) or (self.type,)
        if typing.get_origin(self.type) is Literal:
            allowed = ", ".join("null" if c is None else str(c) for c in choices)
            return None if value in choices else f"must be one of {allowed}, not {value!r}"
        if not any(_is(value, kind) for kind in choices):
            names = " or ".join("null" if kind is NoneType else kind.__name__ for kind in choices)
            is_name = str in choices and isinstance(value, int | float)
            quote = "; a name that looks like this needs quotes, as in '\"1\"'" if is_name else ""
            return f"must be of type {names}, not {value!r} ({type(value).__name__}){quote}"
        if isinstance(value, int) and abs(value) > MOST and not self._is_bounded:
            return f"must be at most {MOST}, not {value!r}"
        if self.is_path and isinstance(value, str) and (why := _path_problem(value)):
            return f"{why}, not {value!r}"
        if value is not None:
            for rule in self.rules:
                if hasattr(rule, "broken_by") and (why := rule.broken_by(value)):
                    return f"{why}, not {value!r}"
        return None


def _path_problem(value: str) -> str | None:
    """The reason why a text is not a path, or None. The file or folder need not exist."""
    if not value.strip():
        return "must be a path (. is the current folder)"
    if any(ord(character) < 32 for character in value):
        return "must be a path without line breaks or control characters"
    try:
        Path(value).expanduser()
    except RuntimeError:  # ~nobody, or ~ where there is no HOME
        return "must be a path below a home folder that exists"
    return None


def _is(value: Any, kind: type) -> bool:
    if kind is float:  # 1 is a valid float; true, nan and inf are not
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, {Path: str, dict: Mapping}.get(kind, kind))


def option_of(annotation: Any) -> Option:
    """Return the option that a type annotation declares."""
    if typing.get_origin(annotation) is Annotated:
        kind, *rules = typing.get_args(annotation)
        return Option(kind, tuple(rules))
    return Option(annotation)


def options_without_effect(
    options: Mapping[str, Option], values: Mapping[str, Any]
) -> dict[str, tuple[str, str]]:
    """Return the options without effect at these values: name -> (switch, how it is).

    It is `off`, `set` or `not VALUE`.
    """
    off = {}
    for name, option in options.items():
        for rule in option.rules:
            if not isinstance(rule, OnlyIf | OnlyAt | Unless):
                continue
            # A config of an earlier version may lack the switch.
            value = values.get(rule.switch)
            is_off = rule.switch in off or value in (False, None)
            if isinstance(rule, OnlyAt):
                if is_off or value != rule.value:
                    off[name] = (rule.switch, f"not {rule.value}")
            elif is_off == isinstance(rule, OnlyIf):
                off[name] = (rule.switch, "off" if is_off else "set")
    return off
