"""Genotypes to tokens: one learned vector a locus, times the genotype."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LocusEmbedding(nn.Module):
    """Tokens x_BLD: the genotype times the embedding of its locus.

    The one-hot form of Rijal et al. 2025 (equation 3: the genotype on the diagonal of an L x L
    matrix, times the embedding) is this product without the zeros.

    Args:
        n_loci: L.
        dim: D, width of the tokens, the column of ones included.
        ones_column: whether the last column of every token is 1 instead of learned.
        init_scale: standard deviation of the initial weights.
    """

    def __init__(self, *, n_loci: int, dim: int, ones_column: bool, init_scale: float):
        super().__init__()
        self.ones_column = ones_column
        self.weight = nn.Parameter(torch.empty(n_loci, dim - ones_column))
        nn.init.normal_(self.weight, std=init_scale)

    def forward(self, genotype_BL: Tensor) -> Tensor:
        x_BLD = genotype_BL[:, :, None] * self.weight
        return F.pad(x_BLD, (0, 1), value=1.0) if self.ones_column else x_BLD
