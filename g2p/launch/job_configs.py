"""The configs of a multirun's jobs: what groups make is composed once, not once a job.

Hydra takes an eighth of a second to compose a config, as long as ridge takes for a small run.
"""

import copy
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from g2p.config.compose import is_value, parse, sets_plain_value
from g2p.config.search_path import folders_state


class JobConfigLoader(ConfigLoaderImpl):
    """What a launcher asks for the config of each job.

    It gives the config that Hydra's own loader gives. Two loaders are equal if they read the same
    files in the same state, since a launcher's process gets another copy with each job.
    """

    def __init__(self, search_path: ConfigSearchPath):
        super().__init__(search_path)
        self._reads = (str(search_path), folders_state(), Path.cwd())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JobConfigLoader) and self._reads == other._reads

    def __hash__(self) -> int:
        return hash(self._reads)

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: Sequence[str]
    ) -> DictConfig:
        """Return the config of a job with these overrides, beside those of the multirun."""
        parsed = parse(sweep_overrides)
        values = [override for override in parsed if sets_plain_value(override)]
        others = [override for override in parsed if not sets_plain_value(override)]
        if any(map(_depends_on_order, others)):
            return super().load_sweep_config(master_config, list(sweep_overrides))
        of_hydra = master_config.hydra.overrides.hydra
        text = (*of_hydra, *(str(override.input_line) for override in others))
        config = copy.deepcopy(_composed(self, master_config.hydra.job.config_name, text))
        self._apply_overrides_to_config(values, config)
        config.hydra.overrides.task = list(sweep_overrides)
        options = config.hydra.job.config.override_dirname
        config.hydra.job.override_dirname = get_overrides_dirname(
            overrides=parsed, kv_sep=options.kv_sep, item_sep=options.item_sep,
            exclude_keys=options.exclude_keys,
        )  # fmt: skip
        OmegaConf.copy_cache(from_config=master_config, to_config=config)
        return config


def _depends_on_order(override: Override) -> bool:
    """Whether an override is no group, so that it may meet the key of another."""
    return is_value(override.key_or_group) or override.is_hydra_override()


@lru_cache(maxsize=64)
def _composed(loader: JobConfigLoader, name: str, overrides: tuple[str, ...]) -> DictConfig:
    return loader.load_configuration(name, list(overrides), RunMode.RUN)
