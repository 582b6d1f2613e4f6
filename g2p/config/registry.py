"""The groups of conf/, their choices, and the files whose functions take their options.

A user's folders of YAML files (`--config-dir`) add choices (see `g2p.config.search_path`); a name
with dots in them (`name: my_pkg.nets.MLP`) is code of the user's own.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

from g2p.config.components import class_name, read_options
from g2p.config.constraints import NeutralAt
from g2p.config.locate import is_dotted
from g2p.config.options import Option
from g2p.config.user_components import interface, is_closed_form
from g2p.core.package import PACKAGE

# In a wheel within the package, in a checkout beside it.
CONF = next(path for path in (PACKAGE / "conf", PACKAGE.parent / "conf") if path.is_dir())

# Groups whose files are presets of one set of options, without the key `name`.
PRESETS = ("qc", "trainer")

# The groups of a run's config; each is a folder of YAML files in conf/.
GROUPS = ("data", "qc", "split", "transfer", "model", "optim", "trainer", "logger")

# Groups whose files set values of other groups, and which are not in the config themselves.
OVERLAYS = ("experiment", "loss", "debug")


# The files of groups whose choices are functions of one file.
FILES = {
    "split": "data/split.py",
    "transfer": "data/transfer.py",
    "optim": "training/optimizers.py",
}

# Groups whose components may be a user's own.
USER_GROUPS = ("data", "model", "split", "optim", "logger")

FOLDERS: ContextVar[tuple[Path, ...]] = ContextVar("folders", default=())


def user_folders() -> tuple[Path, ...]:
    """Return the folders that `g2p.config.search_path` adds to conf/, whose files come first."""
    return FOLDERS.get()


def choices(group: str) -> list[str]:
    """The YAML files of a config group, by name, those in a user's folders among them."""
    added = {path.stem for folder in user_folders() for path in (folder / group).glob("*.yaml")}
    return sorted({*shipped_choices(group), *added}) if added else shipped_choices(group)


@cache
def shipped_choices(group: str) -> list[str]:
    """The YAML files of a group in conf/, by name."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def is_group(key: str) -> bool:
    """Whether a key is that of a folder of YAML files."""
    return _is_folder(key, (CONF, *user_folders()))


@cache
def _is_folder(key: str, folders: tuple[Path, ...]) -> bool:
    return any((folder / key).is_dir() for folder in folders)


def is_baseline(model: str) -> bool:
    """Whether a model is fitted in closed form instead of trained."""
    return is_closed_form(model) if is_dotted(model) else _is_shipped_baseline(model)


@cache
def _is_shipped_baseline(model: str) -> bool:
    return (PACKAGE / "baselines" / f"{model}.py").is_file()


@cache
def prepare_options() -> dict[str, Option]:
    """The options of every data source that say how its panel is prepared for the model."""
    return read_options(PACKAGE / "data" / "preprocess.py", "prepare")


@cache
def panel_options() -> dict[str, Option]:
    """The options of every data source that add to its panel."""
    return read_options(PACKAGE / "data" / "strain_facts.py", "add_strain_facts")


def choice_options(group: str, name: str | None) -> dict[str, Option]:
    """The options of one choice of a group, without `name`."""
    if is_dotted(name):
        has_facts = group in ("data", "model")
        options = dict((interface(name) if has_facts else interface(name, frozenset())).options)
        more = panel_options() | prepare_options() if group == "data" else {}
        return options | more
    return _preset_options(group) if group in PRESETS else _shipped_options(group, str(name))


@cache
def _preset_options(group: str) -> dict[str, Option]:
    if group == "qc":
        return read_options(PACKAGE / "data" / "quality_control.py", "clean")
    options = read_options(PACKAGE / "training" / "trainer.py", "train")
    options |= read_options(PACKAGE / "training" / "schedules.py", "build_schedule")
    options |= read_options(PACKAGE / "training" / "ensemble.py", "fit_ensemble")
    return options | read_options(PACKAGE / "training" / "user_metrics.py", "user_scores")


@cache
def _shipped_options(group: str, name: str) -> dict[str, Option]:
    if group == "data":
        options = read_options(PACKAGE / "data" / "sources" / f"{name}.py", "read")
        return options | panel_options() | prepare_options()
    if group == "model":
        package = "baselines" if is_baseline(name) else "models"
        return read_options(PACKAGE / package / f"{name}.py", class_name(name))
    if group == "logger":
        return read_options(PACKAGE / "tracking" / f"{name}_tracker.py", f"{name}_tracker")
    return read_options(PACKAGE / FILES[group], name)


def neutral_options(group: str, values: Mapping) -> dict[str, Any]:
    """Return the options of a group's choice that have a neutral value, with it."""
    name = values.get("name")
    exists = group in PRESETS or is_dotted(name) or name in shipped_choices(group)
    options = choice_options(group, name) if exists else {}
    return {
        key: rule.value for key, option in options.items()
        for rule in option.rules if isinstance(rule, NeutralAt)
    }  # fmt: skip
