"""A launcher made ready before Hydra calls it."""

import warnings
from collections.abc import Callable
from importlib import import_module

from hydra.core.utils import JobReturn

from g2p.core.errors import UserError
from g2p.core.messages import not_installed
from g2p.launch.packed_launcher import register

# Launcher -> the plugin that has it, what waits for its jobs.
PLUGINS = {
    "joblib": ("hydra_joblib_launcher", "joblib_launcher"),
    "submitit_local": ("hydra_submitit_launcher", "submitit_launcher"),
    "submitit_slurm": ("hydra_submitit_launcher", "submitit_launcher"),
    "ray": ("hydra_ray_launcher", "ray_launcher"),
}

# Where runs may compute on another machine than the one that the command is given on.
ELSEWHERE = ("submitit_slurm", "ray")

# The rest of a launcher's options are its plugin's own, of the same name; that is what we want.
warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against")


def chosen(words: list[str]) -> str:
    """The launcher that a command line names."""
    named = [word.partition("=")[2] for word in words if "hydra/launcher=" in word]
    return named[-1] if named else "basic"


def prepare(words: list[str], report_job_result: Callable[[JobReturn], None]) -> None:
    """Have the launcher that a command line names wait for every job, whatever became of others.

    Args:
        words: the command line's.
        tell: is called with each job's end, where the job cannot say it on this terminal itself.

    Raises:
        UserError: when the launcher is not installed, naming the extra.
    """
    launcher = chosen(words)
    if launcher == "packed":
        register()
    if launcher not in PLUGINS:
        return
    plugin, jobs = PLUGINS[launcher]
    try:
        import_module(f"hydra_plugins.{plugin}")
        module = import_module(f"g2p.launch.{jobs}")  # what the plugin needs comes with it
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "g2p":
            raise
        raise UserError(not_installed("hydra/launcher", launcher)) from None
    module.wait_for_all(report_job_result)
