"""Predictions of a trained model, a block of strains at a time."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

# Validation needs no gradients and takes more strains at once; the batch's size changes no score.
VALIDATION_BATCH = 512


@torch.no_grad()
def predict(model: nn.Module, genotypes: np.ndarray) -> np.ndarray:
    """Standardised predictions (N, P), float64, for genotypes (N, L)."""
    was_training = model.training
    model.eval()
    blocks = np.array_split(genotypes, range(VALIDATION_BATCH, len(genotypes), VALIDATION_BATCH))
    predicted = [on_device(lambda m, x: m(x), model, block).double().cpu() for block in blocks]
    model.train(was_training)
    return torch.cat(predicted).numpy()


def on_device(function: Callable, model: nn.Module, genotypes: np.ndarray):
    """`function(model, genotypes)` with the genotypes (N, L) as the model's own kind of tensor."""
    weight = next(model.parameters())
    return function(model, torch.tensor(genotypes).to(weight.device, weight.dtype))
