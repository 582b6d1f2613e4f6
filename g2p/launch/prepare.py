"""Prepare a launcher before Hydra calls it."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from g2p.core.errors import OptionError
from g2p.core.messages import not_installed

# Launcher -> our module with its plugin.
MODULES = {
    "packed": "packed_launcher",
    "joblib": "joblib_launcher",
    "submitit_local": "submitit_launcher",
    "submitit_slurm": "submitit_launcher",
    "ray": "ray_launcher",
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


def prepare_launcher(overrides: list[str]) -> None:
    """Register with Hydra the launcher that a command line names.

    Args:
        overrides: of the command line.

    Raises:
        OptionError: when the launcher is not installed, naming the extra.
    """
    launcher = chosen_launcher(overrides)
    if launcher not in MODULES:
        return
    try:
        import_module(f"g2p.launch.{MODULES[launcher]}")  # it imports what the launcher needs
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "g2p":
            raise
        raise OptionError(not_installed("hydra/launcher", launcher)) from None
    from g2p.launch.hydra_plugins import register_plugins  # Hydra looks for plugins: half a second

    register_plugins()
