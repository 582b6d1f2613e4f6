"""Weights & Biases: the figures and numbers of an explanation, in the W&B run of its run."""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from g2p.config.run_config import RunConfig
from g2p.tracking.tracker import wandb_options
from g2p.tracking.wandb_client import finish_run, first_line, start_run

log = logging.getLogger(__name__)


def log_explanation(
    config: RunConfig, signature: str, figures: Sequence[Path], numbers: Mapping[str, float]
) -> None:
    """Log an explanation where the run logs to W&B; no failure there fails it.

    Where W&B is reached, the run goes on; offline, another of its id is left to be sent.

    Args:
        config: of the run.
        signature: of the run, the id of its W&B run.
        figures: PNG.
        numbers: for the summary.
    """
    options = wandb_options(config.logger)
    if options is None:
        return
    try:
        import wandb

        run = start_run({"project": options["project"], "id": signature})
        if run is None:
            return
        with contextlib.ExitStack() as stack:
            stack.callback(finish_run, run, 0)
            logged: dict[str, Any] = {
                f"explain/{path.stem}": wandb.Image(str(path)) for path in figures
            }
            run.log(logged)
            run.summary.update({f"explain_{name}": value for name, value in numbers.items()})
    except Exception as error:  # W&B and its libraries raise many types
        log.warning("W&B could not store the explanation: %s", first_line(error))
