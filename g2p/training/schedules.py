"""The learning rate from epoch to epoch: constant, lower where training stands, or of a user."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import torch
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from g2p.config.constraints import UserCode
from g2p.config.load_component import load_component
from g2p.config.run_config import Section
from g2p.core.errors import CodeError

# From an optimizer and the epochs at most; None: the learning rate is constant.
Schedule = Callable[[torch.optim.Optimizer, int], Any]


def build_schedule(
    optim: Section, *, schedule: Annotated[str | None, UserCode("schedule")]
) -> Schedule:
    """Return what makes the scheduler of an optimizer, which `step_schedule` steps each epoch.

    Args:
        optim: the options of the optimizer, whose `plateau_patience` and `plateau_factor` count
            where `schedule` is None.
        schedule: a function of a user's own, of the optimizer and the number of epochs.
    """
    if schedule is not None:
        return partial(_of_user, schedule)
    return partial(
        plateau_schedule,
        patience=optim.get("plateau_patience"), factor=optim.get("plateau_factor", 1.0),
    )  # fmt: skip


def plateau_schedule(
    optimizer: torch.optim.Optimizer, epochs: int, patience: int | None, factor: float
) -> ReduceLROnPlateau | None:
    """Multiply the learning rate by `factor` after `patience` epochs without any new best."""
    if patience is None:
        return None
    return ReduceLROnPlateau(
        optimizer, mode="max", patience=patience, factor=factor, threshold=0.0, threshold_mode="abs"
    )


def _of_user(name: str, optimizer: torch.optim.Optimizer, epochs: int) -> Any:
    scheduler = load_component(name)(optimizer, epochs)
    if not isinstance(scheduler, LRScheduler):
        raise CodeError(
            f"{name} returns {type(scheduler).__name__}; it must return a scheduler of "
            "torch.optim.lr_scheduler."
        )
    return scheduler


def step_schedule(scheduler: LRScheduler, score: float) -> None:
    """Step a scheduler at the end of an epoch; the score is what chooses the best one."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(score)
    else:
        scheduler.step()
