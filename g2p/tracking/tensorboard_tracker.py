"""Lightning's TensorBoard logger: `tensorboard/` in the run's directory.

`tensorboard --logdir runs` shows all runs that have one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from g2p.config.run_config import RunConfig
from g2p.tracking.group import Group
from g2p.tracking.lightning_tracker import LightningTracker, empty_folder
from g2p.tracking.tracker import Tracker


@contextmanager
def tensorboard_tracker(
    config: RunConfig, signature: str, group: Group | None
) -> Iterator[Tracker]:
    from lightning.pytorch.loggers import TensorBoardLogger  # torch comes with it

    folder = empty_folder(config, signature, "tensorboard")
    logger = TensorBoardLogger(folder.parent, name=folder.name, version="")
    tracker = LightningTracker(logger, config)
    try:
        yield tracker
    finally:
        tracker.finish()
