"""Hydra's sweeper, for jobs whose configs are checked before it begins."""

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from g2p.launch.hydra_plugins import PACKAGE, hydra_plugin

# The override that chooses it.
CHOICE = f"hydra.sweeper._target_={PACKAGE}.CheckedSweeper"


@hydra_plugin
class CheckedSweeper(BasicSweeper):
    """Starts the jobs at once: Hydra's would compose each of them first, a tenth of a second."""

    def validate_batch_is_legal(self, batch) -> None:
        pass
