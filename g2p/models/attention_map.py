"""Attention as a map of loci x loci: the mean weights of each layer."""

import numpy as np
import torch
from torch import Tensor, nn

from g2p.models.attention_entropy import attention_inputs, attention_weights


@torch.no_grad()
def attention_map(model: nn.Module, genotype_BL: Tensor) -> list[np.ndarray]:
    """Return the weights of each attention layer, (L, L), their mean over strains and heads.

    Row i is what locus i attends to; a row sums to 1. No layer of which the tokens are not the loci
    is among them. L are the loci that attention is over (see `attended`).
    """
    L = len(attended(model, genotype_BL.shape[1]))
    maps = []
    for layer, x_BLD in attention_inputs(model, genotype_BL):
        if x_BLD.shape[1] != L:
            continue
        weights_LL = torch.zeros(L, L, dtype=torch.float64, device=x_BLD.device)
        for first, weights_BHRL in attention_weights(layer, x_BLD):
            rows = slice(first, first + weights_BHRL.shape[2])
            weights_LL[rows] = weights_BHRL.mean(dim=(0, 1))
        maps.append(weights_LL.cpu().numpy())
    return maps


def attended(model: nn.Module, n_loci: int) -> np.ndarray:
    """Return which loci a model's attention is over: all, or those of `attended_loci`."""
    attended_K = getattr(model, "attended_K", None)
    return np.arange(n_loci) if attended_K is None else attended_K.cpu().numpy()
