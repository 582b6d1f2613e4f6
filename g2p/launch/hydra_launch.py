"""Submit runs to one of Hydra's launchers, as a multirun of `train.py` submits its jobs."""

from collections.abc import Callable

from hydra._internal.callbacks import Callbacks
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import open_dict

from g2p.config.compose import compose_config, overridden_values
from g2p.config.search_path import composing
from g2p.config.user_files import check_chosen_files
from g2p.hardware.device import resolve_accelerator
from g2p.launch.job_configs import JobConfigLoader
from g2p.launch.prepare import (
    REMOTE_LAUNCHERS,
    chosen_launcher,
    prepare_launcher,
    without_launcher_warning,
)

DEVICE_KEYS = ("model", "trainer", "trainer.accelerator")


@without_launcher_warning()
def launch(job: Callable, jobs: list[list[str]], user_overrides: list[str]) -> None:
    """Call `job` with the config of each list of overrides, through the user's launcher.

    Args:
        job: takes a config; picklable, for launchers with processes of their own.
        jobs: the overrides of each.
        user_overrides: of the command line, hydra/launcher and hydra.launcher.* among them.

    Raises:
        OptionError: when the launcher is not installed, or runs here ask for CUDA and it is absent.
    """
    prepare_launcher(user_overrides)
    if chosen_launcher(user_overrides) not in REMOTE_LAUNCHERS:
        _check_devices(jobs)
    check_chosen_files(overridden_values(user_overrides))
    with composing() as hydra:
        hydra_overrides = [o for o in user_overrides if o.lstrip("+~").startswith("hydra")]
        # The study reports itself which runs have ended.
        quiet = ["hydra/hydra_logging=none", "hydra/job_logging=none"]
        config = hydra.compose_config(
            config_name="config", overrides=[*quiet, *hydra_overrides], run_mode=RunMode.MULTIRUN,
            with_log_configuration=False,
        )  # fmt: skip
        with open_dict(config):
            config.hydra.job.name = "sweep"
            config.hydra.mode = RunMode.MULTIRUN
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=HydraContext(
                config_loader=JobConfigLoader(hydra.config_loader.get_search_path()),
                callbacks=Callbacks(config),
            ),
            task_function=job,
            config=config,
        )
        launcher.launch(
            [[o for o in job if o not in hydra_overrides] for job in jobs], initial_job_idx=0
        )


def _check_devices(jobs: list[list[str]]) -> None:
    """raise an OptionError where a run asks for CUDA and this machine has none."""
    choices = {tuple(o for o in job if o.partition("=")[0] in DEVICE_KEYS) for job in jobs}
    for overrides in choices:
        config = compose_config(list(overrides), of_many=True)
        if config.model.is_trained:
            resolve_accelerator(config.trainer.accelerator)
