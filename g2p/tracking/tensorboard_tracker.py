"""Lightning's TensorBoard logger: `tensorboard/` in the run's directory.

`tensorboard --logdir runs` shows all runs that have one.
"""

from contextlib import AbstractContextManager

from g2p.config.run_config import RunConfig
from g2p.tracking.group import Group
from g2p.tracking.lightning_tracker import open_logger
from g2p.tracking.tracker import Tracker


def tensorboard_tracker(
    config: RunConfig, signature: str, group: Group | None
) -> AbstractContextManager[Tracker]:
    from lightning.pytorch.loggers import TensorBoardLogger  # torch comes with it

    return open_logger(TensorBoardLogger, "tensorboard", config, signature)
