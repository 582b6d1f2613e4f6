"""What Lightning says and a user cannot act on: silenced while a model trains, and only then."""

import logging
import multiprocessing
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import lightning as L

LOGGER = logging.getLogger("lightning.pytorch")  # of its tips and device notes
MESSAGES = (
    r".*isinstance\(treespec, LeafSpec\).*",  # its use of torch
    "The `srun` command is available",  # Slurm is on this machine, and is not used
)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence Lightning; afterwards, its logger and the warning filters are as before."""
    level = LOGGER.level
    with warnings.catch_warnings():
        _silence()
        try:
            yield
        finally:
            LOGGER.setLevel(level)


class QuietWorker(L.Callback):
    """Silences Lightning in the processes that it spawns, which belong to the training alone."""

    def setup(self, trainer: L.Trainer, module: L.LightningModule, stage: str) -> None:
        if multiprocessing.parent_process() is not None:
            _silence()


def _silence() -> None:
    LOGGER.setLevel(logging.WARNING)
    for message in MESSAGES:
        warnings.filterwarnings("ignore", message=message)
