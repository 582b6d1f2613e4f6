"""Optimizers, one function each; the options of `conf/optim/` are their keyword arguments."""

from collections.abc import Iterable
from typing import Annotated

import torch
from torch import Tensor

from g2p.config.components import construct
from g2p.config.constraints import Above, AtLeast, Below, OnlyIf
from g2p.config.load_component import load_component
from g2p.config.locate import is_dotted
from g2p.config.run_config import Section
from g2p.core.errors import CodeError


def build_optimizer(options: Section, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
    """Build the optimizer `options.name`, of g2p or of a user, for the parameters of a model.

    Raises:
        CodeError: where a user's function returns none.
    """
    name = options.name
    if not is_dotted(name):
        return globals()[name](parameters, **options.options)
    optimizer = construct(load_component(name), parameters=parameters, **options.options)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise CodeError(f"{name} returns no torch.optim.Optimizer, but {optimizer!r}.")
    return optimizer


def adam(
    parameters: Iterable[Tensor],
    *,
    lr: Annotated[float, Above(0)],
    plateau_patience: Annotated[int | None, AtLeast(0)],
    plateau_factor: Annotated[float, Above(0), Below(1), OnlyIf("plateau_patience")],
) -> torch.optim.Optimizer:
    """Adam (Kingma & Ba 2015). It has no weight decay: there it would not be decoupled."""
    return torch.optim.Adam(parameters, lr=lr, fused=True)


def adamw(
    parameters: Iterable[Tensor],
    *,
    lr: Annotated[float, Above(0)],
    weight_decay: Annotated[float, AtLeast(0)],
    plateau_patience: Annotated[int | None, AtLeast(0)],
    plateau_factor: Annotated[float, Above(0), Below(1), OnlyIf("plateau_patience")],
) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay, fused=True)
