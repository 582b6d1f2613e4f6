"""Runs handed to one of Hydra's launchers, as a multirun of `train.py` hands its jobs over."""

from collections.abc import Callable

from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import open_dict

from g2p.config.compose import compose_config
from g2p.config.registry import CONF, is_baseline
from g2p.core.messages import report_job_result
from g2p.hardware.device import resolve_accelerator
from g2p.launch.prepare import ELSEWHERE, chosen, prepare

OF_THE_PLACE = ("model", "trainer", "trainer.accelerator")


def launch(job: Callable, jobs: list[list[str]], words: list[str]) -> None:
    """Call `job` with the config of each list of overrides, where and how the launcher says.

    Args:
        job: takes a config; picklable, for launchers with processes of their own.
        jobs: the overrides of each, as words.
        words: the user's, among them hydra/launcher and hydra.launcher.*.

    Raises:
        UserError: when the launcher is not installed, or runs here ask for CUDA and it is absent.
    """
    prepare(words, report_job_result)
    if chosen(words) not in ELSEWHERE:
        _check_place(jobs)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        own = [word for word in words if word.lstrip("+~").startswith("hydra")]
        # The study says itself what has ended.
        quiet = ["hydra/hydra_logging=none", "hydra/job_logging=none"]
        config = hydra.compose_config(
            config_name="config", overrides=[*quiet, *own], run_mode=RunMode.MULTIRUN,
            with_log_configuration=False,
        )  # fmt: skip
        with open_dict(config):
            config.hydra.job.name = "sweep"
            config.hydra.mode = RunMode.MULTIRUN
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=HydraContext(
                config_loader=hydra.config_loader, callbacks=Callbacks(config)
            ),
            task_function=job,
            config=config,
        )
        launcher.launch([[w for w in job if w not in own] for job in jobs], initial_job_idx=0)


def _check_place(jobs: list[list[str]]) -> None:
    telling = {tuple(w for w in job if w.partition("=")[0] in OF_THE_PLACE) for job in jobs}
    for words in telling:
        config = compose_config(list(words), of_many=True)
        if not is_baseline(config["model"]["name"]):
            resolve_accelerator(config["trainer"]["accelerator"])
