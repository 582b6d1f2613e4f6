"""Prepare a launcher before Hydra calls it."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

from hydra.core.utils import JobReturn

from g2p.core.errors import OptionError
from g2p.core.messages import not_installed
from g2p.launch.packed_launcher import register

# Launcher -> its plugin, and our module that waits for its jobs.
PLUGINS = {
    "joblib": ("hydra_joblib_launcher", "joblib_launcher"),
    "submitit_local": ("hydra_submitit_launcher", "submitit_launcher"),
    "submitit_slurm": ("hydra_submitit_launcher", "submitit_launcher"),
    "ray": ("hydra_ray_launcher", "ray_launcher"),
}

# Launchers whose runs may compute on another machine than the command's.
REMOTE_LAUNCHERS = ("submitit_slurm", "ray")


@contextmanager
def without_launcher_warning() -> Iterator[None]:
    """Silence Hydra's warning that a launcher has its other options from its plugin's config.

    That config has the same name, and this is intended.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against")
        yield


def chosen_launcher(overrides: list[str]) -> str:
    """Return the launcher that a command line names."""
    named = [o.partition("=")[2] for o in overrides if "hydra/launcher=" in o]
    return named[-1] if named else "basic"


def runs_at_once(overrides: list[str]) -> int:
    """Return how many runs a command line lets this machine train at the same time."""
    cores = os.cpu_count() or 1
    if chosen_launcher(overrides) not in ("joblib", "submitit_local"):
        return 1
    key = "n_jobs" if chosen_launcher(overrides) == "joblib" else "array_parallelism"
    named = [o.partition("=")[2] for o in overrides if f"hydra.launcher.{key}=" in o]
    return int(named[-1]) if named and named[-1].isdecimal() else cores


def prepare_launcher(overrides: list[str], report_job_result: Callable[[JobReturn], None]) -> None:
    """Have the launcher that a command line names wait for every job, whichever of them fail.

    Args:
        overrides: of the command line.
        report_job_result: is called with each ended job that cannot print to this terminal itself.

    Raises:
        OptionError: when the launcher is not installed, naming the extra.
    """
    launcher = chosen_launcher(overrides)
    if launcher == "packed":
        register()
    if launcher not in PLUGINS:
        return
    plugin, jobs = PLUGINS[launcher]
    try:
        import_module(f"hydra_plugins.{plugin}")
        module = import_module(f"g2p.launch.{jobs}")  # it imports what the plugin needs
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "g2p":
            raise
        raise OptionError(not_installed("hydra/launcher", launcher)) from None
    module.wait_for_all(report_job_result)
