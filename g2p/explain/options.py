"""What is explained of a run, and how closely."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from g2p.core.errors import OptionError
from g2p.core.phrases import listed, nearest


@dataclass(frozen=True)
class ExplainOptions:
    """What is explained, and how closely.

    Attributes:
        phenotype: a name, names, or "all".
        loci: their names, or "all".
        strains: of the background, at most.
        strongest: loci whose pairs are examined, at most.
        proposals: pairs a phenotype that are tested, at most, fixed before the model is looked at;
            "auto": one for ten test strains, at most 50.
        linkage: |r| from which on loci of a chromosome are flipped together; None: each alone;
            "auto": 0.5, but alone where the loci are the causal ones (simulated, or mapped).
        seed: of the choice of strains.
    """

    phenotype: str | list[str] = "all"
    loci: str | list[str] = "all"
    strains: int = 500
    strongest: int = 200
    proposals: int | str = "auto"
    linkage: float | str | None = "auto"
    seed: int = 0

    def __post_init__(self):
        for name, least in (("strains", 1), ("strongest", 1), ("proposals", 0), ("seed", 0)):
            value = getattr(self, name)
            if name == "proposals" and value == "auto":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise OptionError(f"{name} must be a whole number, at least {least}, not {value}.")
        if self.linkage not in (None, "auto") and not (
            isinstance(self.linkage, int | float) and 0 < self.linkage <= 1
        ):
            raise OptionError(
                f"linkage must be auto, none, or above 0 and at most 1, not {self.linkage}."
            )


def explain_options(options: Mapping) -> ExplainOptions:
    """Return checked options, those that are not there with their defaults.

    Raises:
        OptionError: for an option that does not exist, or a value that it cannot have.
    """
    names = [field.name for field in fields(ExplainOptions)]
    for name in options:
        if name not in names:
            raise OptionError(
                f"{name} is not an option.{nearest(name, names)} There are: {listed(names)}."
            )
    return ExplainOptions(**options)
