"""What a run tells a tracker; which tracker a config chooses.

A tracker is a context manager around a run, in `<name>_tracker.py`; several may be open at once.
The run directory is the record, and a tracker's data are a copy of it.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path

from g2p.config.load_component import builder_of
from g2p.config.run_config import RunConfig, Section
from g2p.core.errors import OptionError
from g2p.core.messages import not_installed
from g2p.tracking.group import Group

NUMBERS = ("best_epoch", "epochs", "seconds", "num_parameters")  # of metrics.json, in the summary


class Tracker:
    """Receives the epochs and the result of a run; this base class ignores them."""

    def epochs(self, rows: list[dict]) -> None:
        """Receive the history so far; called after every epoch, and at the end."""

    def result(self, metrics: Mapping, figures: list[Path], checkpoint: Path) -> None:
        """Receive the run's metrics, figures and best checkpoint."""


def open_tracker(
    config: RunConfig, signature: str, group: Group | None
) -> AbstractContextManager[Tracker]:
    """Return the tracker that `logger` chooses for a run, not entered yet."""
    return tracker_of(config.logger.name)(config, signature, group, **config.logger.options)


def tracker_of(name: str):
    """Return the context manager of a logger, called with (config, signature, group, **options)."""
    return builder_of(name, f"g2p.tracking.{name}_tracker", f"{name}_tracker")


def check_installed(logger: Section) -> None:
    """Refuse a logger whose package is not installed, before a run begins.

    Raises:
        OptionError: which names the extra.
    """
    needs_it = logger.name == "tensorboard" or logger.get("tensorboard", False)
    if needs_it and not (find_spec("tensorboard") or find_spec("tensorboardX")):
        raise OptionError(not_installed("logger", "tensorboard"))


def wandb_options(logger: Section) -> Mapping | None:
    """Return W&B's options of a logger; None where nothing is logged there."""
    if logger.name == "several":
        return logger.wandb_options if logger.wandb else None
    return logger.options if logger.name == "wandb" else None


def summary_numbers(metrics: Mapping) -> dict[str, float | None]:
    """Return what a tracker shows of a finished run, from its metrics."""
    numbers = {key: metrics[key] for key in NUMBERS}
    for subset in ("val", "test"):
        scores = metrics[subset]
        numbers |= {f"{subset}_{key}": scores[key] for key in ("r2_mean", "loss")}
        for score in ("r2", "pearson"):
            numbers |= {f"{subset}_{score}/{name}": x for name, x in scores[score].items()}
    if metrics["ridge"]:
        numbers["ridge_test_r2_mean"] = metrics["ridge"]["test"]["r2_mean"]
    return numbers
