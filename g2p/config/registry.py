"""The groups of conf/, their choices, and the files whose functions take their options."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from g2p.config.components import class_name, read_options
from g2p.config.constraints import NeutralAt
from g2p.config.options import Option
from g2p.core.package import PACKAGE

CONF = PACKAGE.parent / "conf"

# Groups whose files are presets of one set of options, without the key `name`.
PRESETS = ("qc", "trainer")

# The groups of a run's config; each is a folder of YAML files in conf/.
GROUPS = ("data", "qc", "split", "transfer", "model", "optim", "trainer", "logger")

# Groups whose files set values of other groups, and which are not in the config themselves.
OVERLAYS = ("debug",)


@cache
def choices(group: str) -> list[str]:
    """The YAML files of a config group, by name."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@cache
def is_baseline(model: str) -> bool:
    """Whether a model is fitted in closed form instead of trained."""
    return (PACKAGE / "baselines" / f"{model}.py").is_file()


@cache
def prepare_options() -> dict[str, Option]:
    """The options of every data source that say how its panel is prepared for the model."""
    return read_options(PACKAGE / "data" / "preprocess.py", "prepare")


@cache
def choice_options(group: str, name: str | None) -> dict[str, Option]:
    """The options of one choice of a group, without `name`."""
    if group == "data":
        return read_options(PACKAGE / "data" / "sources" / f"{name}.py", "read") | prepare_options()
    if group == "split":
        return read_options(PACKAGE / "data" / "split.py", name)
    if group == "qc":
        return read_options(PACKAGE / "data" / "quality_control.py", "clean")
    if group == "transfer":
        return read_options(PACKAGE / "data" / "transfer.py", name)
    if group == "model":
        package = "baselines" if is_baseline(name) else "models"
        return read_options(PACKAGE / package / f"{name}.py", class_name(name))
    if group == "optim":
        return read_options(PACKAGE / "training" / "optimizers.py", name)
    if group == "trainer":
        return read_options(PACKAGE / "training" / "trainer.py", "train")
    return read_options(PACKAGE / "tracking" / "wandb_tracker.py", f"{name}_tracker")


def neutral_options(group: str, values: Mapping) -> dict[str, Any]:
    """Return the options of a group's choice that have a neutral value, with it."""
    name = values.get("name")
    options = choice_options(group, name) if name in choices(group) else {}
    return {
        key: rule.value for key, option in options.items()
        for rule in option.rules if isinstance(rule, NeutralAt)
    }  # fmt: skip
