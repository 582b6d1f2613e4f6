"""How panels are prepared, which a user's own source may leave out of its YAML."""

from collections.abc import Mapping
from functools import cache

import yaml
from omegaconf import DictConfig, OmegaConf

from g2p.config.locate import is_dotted
from g2p.config.registry import CONF, prepare_options

DEFAULTS = CONF / "data" / "table.yaml"  # also a source of whatever the user has


def plain_config(config: DictConfig) -> dict:
    """Return a config that Hydra composed as plain dicts, completed."""
    return completed(OmegaConf.to_container(config, resolve=True, throw_on_missing=True))


def completed(config: dict) -> dict:
    """Return a config in which a user's source has all options of preparation."""
    data = config.get("data")
    if not isinstance(data, Mapping) or not is_dotted(data.get("name")):
        return config
    return {**config, "data": {**data, **{k: v for k, v in _defaults().items() if k not in data}}}


@cache
def _defaults() -> dict:
    values = yaml.safe_load(DEFAULTS.read_text())
    return {key: values[key] for key in prepare_options()}
