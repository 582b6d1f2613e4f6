"""Attention as a map of loci x loci: the mean weights of each layer."""

import numpy as np
import torch
from torch import Tensor, nn

from g2p.models.attention_entropy import attention_inputs, attention_weights


@torch.no_grad()
def attention_map(model: nn.Module, genotype_BL: Tensor) -> list[np.ndarray]:
    """Return the weights of each attention layer, (L, L), their mean over strains and heads.

    Row i is what locus i attends to; a row sums to 1, or is 0 for a locus that attention leaves out
    (`attended_loci`). No layer of which the tokens are not the loci is among them.
    """
    L = genotype_BL.shape[1]
    attended_K = getattr(model, "attended_K", None)
    if attended_K is None:
        attended_K = torch.arange(L, device=genotype_BL.device)
    maps = []
    for layer, x_BKD in attention_inputs(model, genotype_BL):
        if x_BKD.shape[1] != len(attended_K):
            continue
        weights_LL = torch.zeros(L, L, dtype=torch.float64, device=x_BKD.device)
        for first, weights_BHRK in attention_weights(layer, x_BKD):
            rows = attended_K[first : first + weights_BHRK.shape[2]]
            weights_LL[rows[:, None], attended_K] = weights_BHRK.mean(dim=(0, 1)).double()
        maps.append(weights_LL.cpu().numpy())
    return maps
