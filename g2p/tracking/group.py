"""The multirun or study that a run belongs to, as a tracker groups its runs by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from g2p.core.formatting import label

LONGEST_TAG = 64  # characters; W&B refuses a longer one


@dataclass(frozen=True)
class Group:
    """The multirun or study that a run belongs to, and its place there.

    Attributes:
        name: W&B's group, unless the user names another.
        study: a study's name and size; empty for a multirun.
        factors: factor of the study -> label or value.
        job_type: in a study `run`, or `base` for what a fine-tuned run goes on from.
    """

    name: str
    study: Mapping[str, str] = field(default_factory=dict)
    factors: Mapping[str, object] = field(default_factory=dict)
    job_type: str | None = None

    @classmethod
    def of_study(cls, name: str, size: str) -> "Group":
        return cls(f"{name}-{size}", {"name": name, "size": size}, job_type="run")

    def base(self) -> "Group":
        """The place of a run that others of the group go on from: none of the study's points."""
        return replace(self, factors={}, job_type="base" if self.study else None)

    def config(self) -> dict:
        """What is shown beside a run's own config."""
        told = {"study": dict(self.study)} if self.study else {}
        if self.factors:
            told["factor"] = {factor_key(name): value for name, value in self.factors.items()}
        return told

    def tags(self) -> list[str]:
        told = {**({"study": self.name} if self.study else {}), **self.factors}
        return [f"{name}={label(value)}"[:LONGEST_TAG] for name, value in told.items()]


def factor_key(name: str) -> str:
    """A factor's key in the config's `factor`: W&B takes a dot for a step into a nested config."""
    return name.replace(".", "_")
