"""The Rijal model written out as in the paper's equations: one-hot genotypes, explicit softmax.

The benchmarks' reference and an independent computation for the tests; nothing trains with it.
"""

import torch
from torch import Tensor

from g2p.models.rijal_attention import RijalAttention


def naive_rijal(model: RijalAttention, genotype_BL: Tensor) -> Tensor:
    """Compute what `model` computes, with one-hot genotypes and probabilities of B x L x L each."""
    one_hot_BLL = torch.diag_embed(genotype_BL)
    ones_BL1 = torch.ones_like(genotype_BL)[:, :, None]
    x_BLD = torch.cat([one_hot_BLL @ model.embed.weight, ones_BL1], dim=2)
    for block in model.blocks:
        w_query, w_key, w_value = block.attention.in_weight.chunk(3)
        q_BLD, k_BLD, v_BLD = x_BLD @ w_query.T, x_BLD @ w_key.T, x_BLD @ w_value.T
        x_BLD = torch.softmax(q_BLD @ k_BLD.transpose(1, 2), dim=2) @ v_BLD
    return torch.einsum("bld,pld->bp", x_BLD, model.readout.weight) + model.readout.offset
