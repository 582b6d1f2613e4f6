"""Tokens to phenotypes: the only part that depends on their number."""

import torch
from torch import Tensor, nn


class MeanReadout(nn.Module):
    """Mean over loci, dropout, then a linear map: (B, L, D) to (B, P)."""

    def __init__(self, *, dim: int, n_phenotypes: int, dropout: float):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(dim, n_phenotypes)

    def forward(self, x_BLD: Tensor) -> Tensor:
        return self.linear(self.dropout(x_BLD.mean(dim=1)))


class LocusReadout(nn.Module):
    """A coefficient for each (locus, column) and an offset, for each phenotype: to (B, P).

    Rijal et al. 2025, equation 6, with one such readout a phenotype.
    """

    def __init__(self, *, n_loci: int, dim: int, n_phenotypes: int, init_scale: float):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_phenotypes, n_loci, dim))
        self.offset = nn.Parameter(torch.empty(n_phenotypes))
        nn.init.normal_(self.weight, std=init_scale)
        nn.init.normal_(self.offset, std=init_scale)

    def forward(self, x_BLD: Tensor) -> Tensor:
        return x_BLD.flatten(1) @ self.weight.flatten(1).T + self.offset
