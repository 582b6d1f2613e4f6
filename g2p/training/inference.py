"""Predictions of a trained model, a block of strains at a time."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from g2p.data.preprocess import Prepared
from g2p.models.attention_entropy import attention_entropy

# Without gradients more strains fit at once; how many changes no score. Of more loci than the
# published panel's 1,164 fewer, or one pass could take more memory than a training step.
STRAINS, TOKENS = 512, 600_000
CACHED_TOKENS = 3_000  # on two cores 1.5 times as fast as 512 strains of 83 loci
# Strains whose attention is measured: its entropy hardly varies between strains.
ENTROPY_STRAINS = 32


def validation_batch(n_loci: int) -> int:
    """Return the number of strains that are predicted at once."""
    return max(1, min(STRAINS, TOKENS // n_loci))


def cached_batch(n_loci: int) -> int:
    """Return the number of strains that a CPU predicts fastest: what it computes fits its cache."""
    return max(8, CACHED_TOKENS // n_loci)


@torch.no_grad()
def predict_standardised(
    model: nn.Module, genotypes: np.ndarray, at_once: int | None = None
) -> np.ndarray:
    """Return standardised predictions (N, P), float64, for genotypes (N, L).

    Args:
        model: a network.
        genotypes: of strains.
        at_once: how many strains are predicted at once; None: as in validation.
    """
    was_training = model.training
    model.eval()
    size = at_once or validation_batch(genotypes.shape[1])
    blocks = np.array_split(genotypes, range(size, len(genotypes), size))
    predicted = [on_device(lambda m, x: m(x), model, block).double().cpu() for block in blocks]
    model.train(was_training)
    return torch.cat(predicted).numpy()


def on_device(function: Callable, model: nn.Module, genotypes: np.ndarray):
    """Call `function(model, genotypes)` with genotypes (N, L) of the model's device and type."""
    weight = next(model.parameters())
    return function(model, torch.tensor(genotypes).to(weight.device, weight.dtype))


def attention_sample(data: Prepared) -> np.ndarray:
    """Return genotypes (n, L) of the first validation strains, on which attention is measured.

    A copy: what a trainer holds is alive until Python looks for garbage, and the panel is large.
    """
    return data.genotypes[data.split["val"][:ENTROPY_STRAINS]]


def measure_attention(model: nn.Module, sample: np.ndarray) -> list[dict]:
    """Return the statistics of each attention layer over a sample of strains (n, L)."""
    return on_device(attention_entropy, model, sample)
