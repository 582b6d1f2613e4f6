"""The multirun or study of a run, by which a tracker groups runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from g2p.core.formatting import label

LONGEST_TAG = 64  # characters; W&B refuses a longer one


@dataclass(frozen=True)
class Group:
    """The multirun or study of a run, and the run's point in it.

    Attributes:
        name: W&B's group, unless the user sets another.
        study: a study's name and size; empty for a multirun.
        factors: factor of the study -> label or value.
        job_type: in a study `run`, or `base` for the base model of a fine-tuned run.
    """

    name: str
    study: Mapping[str, str] = field(default_factory=dict)
    factors: Mapping[str, object] = field(default_factory=dict)
    job_type: str | None = None

    @classmethod
    def of_study(cls, name: str, size: str) -> "Group":
        return cls(f"{name}-{size}", {"name": name, "size": size}, job_type="run")

    def base(self) -> "Group":
        """Return the group of a base model, which is at no point of the study."""
        return replace(self, factors={}, job_type="base" if self.study else None)

    def config(self) -> dict:
        """Return the keys that W&B's config has beside those of the run's config."""
        keys: dict[str, Mapping] = {"study": dict(self.study)} if self.study else {}
        if self.factors:
            keys["factor"] = {factor_key(name): value for name, value in self.factors.items()}
        return keys

    def tags(self) -> list[str]:
        """Return the study and the factors as tags."""
        values = {**({"study": self.name} if self.study else {}), **self.factors}
        return [f"{name}={label(value)}"[:LONGEST_TAG] for name, value in values.items()]


def factor_key(name: str) -> str:
    """Return a factor's key in the config's `factor`, without dots: in W&B they nest configs."""
    return name.replace(".", "_")
