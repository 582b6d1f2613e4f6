"""What a user's own YAML may leave out: how panels are prepared, and code of the user's own."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from g2p.config.locate import is_dotted
from g2p.config.registry import CONF, choice_options, panel_options, prepare_options

DEFAULTS = {"data": CONF / "data" / "table.yaml", "trainer": CONF / "trainer" / "auto.yaml"}


def plain_config(config: DictConfig) -> dict:
    """Return a config that Hydra composed as plain dicts, completed."""
    plain: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    return completed(plain)


def completed(config: dict) -> dict:
    """Return a config whose source and trainer, if they are a user's, have these options."""
    for group in DEFAULTS:
        options = config.get(group)
        if isinstance(options, Mapping) and (group == "trainer" or is_dotted(options.get("name"))):
            missing = {k: v for k, v in _defaults(group).items() if k not in options}
            config = {**config, group: {**options, **missing}} if missing else config
    return config


@cache
def _defaults(group: str) -> dict:
    values = yaml.safe_load(DEFAULTS[group].read_text())
    if group == "data":
        return {key: values[key] for key in (*panel_options(), *prepare_options())}
    options = choice_options(group, None)
    # Options that change nothing at their defaults: a YAML of before they existed lacks them.
    return {key: value for key, value in values.items() if options[key].is_neutral(value)}
