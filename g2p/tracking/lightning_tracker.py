"""A tracker that writes through one of Lightning's loggers, into a folder of the run."""

import logging
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING

from g2p.config.run_config import RunConfig
from g2p.core.nested import flatten
from g2p.tracking.tracker import Tracker, summary_numbers

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger


log = logging.getLogger(__name__)


def open_logger(
    logger: "Callable[..., Logger]", name: str, config: RunConfig, signature: str
) -> AbstractContextManager[Tracker]:
    """Return the tracker of a logger that writes into the folder `name` of the run.

    The folder is emptied: a resumed run sends all epochs again.
    """
    folder = Path(config.paths.runs).expanduser().absolute() / signature / name
    if folder.exists():
        shutil.rmtree(folder)
    return closing(LightningTracker(logger(folder.parent, name=name, version=""), config))


class LightningTracker(Tracker):
    """Logs each epoch's numbers, and at the end the summary, at the last epoch.

    Args:
        logger: Lightning's.
        config: of the run, logged as its hyperparameters.
    """

    def __init__(self, logger: "Logger", config: RunConfig):
        self.logger: Logger | None = logger
        self.n_sent = 0
        self._try(lambda logger: logger.log_hyperparams(flatten(config.to_dict())))

    def epochs(self, rows: list[dict]) -> None:
        for row in rows[self.n_sent :]:
            self._log(row, row["epoch"])
        self.n_sent = len(rows)
        self._try(lambda logger: logger.save())

    def result(self, metrics: Mapping, figures: list[Path], checkpoint: Path) -> None:
        self._log(summary_numbers(metrics), metrics["epochs"] - 1)

    def close(self) -> None:
        self._try(lambda logger: logger.finalize("finished"))

    def _try(self, send: "Callable[[Logger], None]") -> None:
        """Send something, unless that failed before: a copy must not fail the run."""
        if self.logger is not None:
            try:
                send(self.logger)
            except Exception as error:  # of any kind
                log.warning("%s stops logging this run: %s", type(self.logger).__name__, error)
                self.logger = None

    def _log(self, values: Mapping, epoch: int) -> None:
        numbers = {
            key: float(value) for key, value in values.items()
            if isinstance(value, int | float) and not isinstance(value, bool) and key != "epoch"
        }  # fmt: skip
        self._try(lambda logger: logger.log_metrics(numbers, step=epoch))
