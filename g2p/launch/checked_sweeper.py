"""Hydra's sweeper, for jobs whose configs are checked before it begins."""

from dataclasses import replace

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from g2p.launch.hydra_plugins import PACKAGE, hydra_plugin
from g2p.launch.job_configs import JobConfigLoader

# The override that chooses it.
CHOICE = f"hydra.sweeper._target_={PACKAGE}.CheckedSweeper"


@hydra_plugin
class CheckedSweeper(BasicSweeper):
    """Starts the jobs at once: Hydra's would compose each of them first, a tenth of a second."""

    def setup(self, *, hydra_context, task_function, config) -> None:
        loader = JobConfigLoader(hydra_context.config_loader.get_search_path())
        super().setup(
            hydra_context=replace(hydra_context, config_loader=loader),
            task_function=task_function,
            config=config,
        )

    def validate_batch_is_legal(self, batch) -> None:
        pass
