"""Optimizers, one function each; the options of `conf/optim/` are their keyword arguments."""

from collections.abc import Iterable
from typing import Annotated

import torch
from torch import Tensor

from g2p.config.constraints import Above, AtLeast, Below, OnlyIf


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
