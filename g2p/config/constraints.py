"""Rules in an option's annotation: ranges, and dependencies on its sibling options."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal


@dataclass(frozen=True)
class AtLeast:
    low: float

    def broken_by(self, value: float) -> str | None:
        return None if value >= self.low else f"must be at least {self.low:g}"


@dataclass(frozen=True)
class Above:
    low: float

    def broken_by(self, value: float) -> str | None:
        return None if value > self.low else f"must be above {self.low:g}"


@dataclass(frozen=True)
class Below:
    high: float

    def broken_by(self, value: float) -> str | None:
        return None if value < self.high else f"must be below {self.high:g}"


@dataclass(frozen=True)
class AtMost:
    high: float

    def broken_by(self, value: float) -> str | None:
        return None if value <= self.high else f"must be at most {self.high}"


@dataclass(frozen=True)
class Divides:
    """The value divides the sibling option `whole`."""

    whole: str


@dataclass(frozen=True)
class LessThan:
    """The value is below the sibling option `bound`."""

    bound: str


@dataclass(frozen=True)
class OnlyIf:
    """The option has an effect only while the sibling `switch` is on (not false, not null)."""

    switch: str


@dataclass(frozen=True)
class OnlyAt:
    """The option has an effect only while the sibling `switch` has this value."""

    switch: str
    value: object


@dataclass(frozen=True)
class Unless:
    """The option has an effect only while the sibling `switch` is off (false or null)."""

    switch: str


@dataclass(frozen=True)
class NullOnlyWith:
    """The value may be null only while the sibling option `other` is not."""

    other: str


@dataclass(frozen=True)
class OptionsOf:
    """The value is a mapping: the options of another choice of the same group."""

    choice: str


@dataclass(frozen=True)
class NeutralAt:
    """At this value the option changes nothing, and signatures are as before it existed."""

    value: object


@dataclass(frozen=True)
class UserCode:
    """The value names code of a user's own of this kind (`loss`, `metric`, `callback`), or a list.

    null or an empty list is none, and then the option is no part of a run's signature.
    """

    kind: str


# Seeds: the range that numpy, scikit-learn and torch share.
Seed = Annotated[int, AtLeast(0), AtMost(2**32 - 1)]

VOCABULARY = {
    "Annotated": Annotated, "Literal": Literal, "Path": Path,
    "AtLeast": AtLeast, "Above": Above, "Below": Below, "AtMost": AtMost,
    "Divides": Divides, "LessThan": LessThan, "OnlyIf": OnlyIf, "OnlyAt": OnlyAt, "Unless": Unless,
    "OptionsOf": OptionsOf, "UserCode": UserCode, "NullOnlyWith": NullOnlyWith,
    "NeutralAt": NeutralAt,
    "Seed": Seed,
}  # fmt: skip
