"""What our launchers and our sweeper are to Hydra: plugins, found by their names."""

import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from hydra.core.plugins import Plugins
from hydra.core.utils import configure_log, filter_overrides, setup_globals
from hydra.plugins.plugin import Plugin
from omegaconf import DictConfig

# Hydra instantiates a plugin by the name of its class, in modules of this one's parent alone.
PACKAGE = "hydra_plugins.g2p"

log = logging.getLogger(__name__)

PluginClass = TypeVar("PluginClass", bound=type[Plugin])


_ours: list[type[Plugin]] = []


def hydra_plugin(plugin: PluginClass) -> PluginClass:
    """Make a class a plugin of Hydra's, under `PACKAGE`, which `register_plugins` registers.

    It cannot be pickled: another process does not have it under that name.
    """
    plugin.__module__ = PACKAGE
    _ours.append(plugin)
    return plugin


def register_plugins() -> None:
    """Register our plugins with Hydra, again where it has forgotten them.

    A job that joblib runs in this process resets Hydra's state, and with it the list of plugins.
    """
    plugins = Plugins.instance()  # first: it looks through the package, which need not exist
    sys.modules.setdefault(PACKAGE.partition(".")[0], ModuleType(PACKAGE.partition(".")[0]))
    package = sys.modules.setdefault(PACKAGE, ModuleType(PACKAGE))
    for plugin in _ours:
        package.__dict__[plugin.__name__] = plugin
        plugins.register(plugin)


def announced(
    config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int
) -> Iterator[tuple[int, list[str]]]:
    """Yield number and overrides of each job, after logging it; make the multirun's folder.

    Args:
        config: of the multirun.
        job_overrides: of each job.
        first: the number of the first job.
    """
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    folder = Path(str(config.hydra.sweep.dir))
    folder.mkdir(parents=True, exist_ok=True)
    log.info("Launching %d jobs, sweep output dir: %s", len(job_overrides), folder)
    for number, overrides in enumerate(job_overrides, start=first):
        log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        yield number, list(overrides)
