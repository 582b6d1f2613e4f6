"""Lightning's CSV logger: `csv/metrics.csv` and `csv/hparams.yaml` in the run's directory."""

from contextlib import AbstractContextManager

from g2p.config.run_config import RunConfig
from g2p.tracking.group import Group
from g2p.tracking.lightning_tracker import open_logger
from g2p.tracking.tracker import Tracker


def csv_tracker(
    config: RunConfig, signature: str, group: Group | None
) -> AbstractContextManager[Tracker]:
    from lightning.pytorch.loggers import CSVLogger  # torch comes with it

    return open_logger(CSVLogger, "csv", config, signature)
