"""Position of a locus: what is added to its token beyond the locus's embedding."""

import math

import torch
from torch import Tensor, nn

# Octaves of wavelengths: from twice the longest chromosome down to 1/256 of it. In yeast that is
# 6 kb, less than linkage reaches in a cross.
OCTAVES = 10


class LearnedPosition(nn.Module):
    """A learned vector for each locus, (L, D), independent of the genotype."""

    def __init__(self, *, n_loci: int, dim: int, init_scale: float):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_loci, dim))
        nn.init.normal_(self.weight, std=init_scale)

    def forward(self) -> Tensor:
        return self.weight


class GenomePosition(nn.Module):
    """A learned vector for each chromosome plus a learned map of waves along it, (L, D).

    The waves are the sines and cosines of Vaswani et al. 2017 (section 3.5) of the position in base
    pairs, so neighbouring loci get similar vectors, also loci that no training strain varied at.

    Args:
        genome_L2: of each locus its chromosome (numbered from 0) and position (bp).
        dim: D.
        init_scale: standard deviation that both parts start with.
    """

    def __init__(self, *, genome_L2: Tensor, dim: int, init_scale: float):
        super().__init__()
        chromosome_L, position_L = genome_L2[:, 0].long(), genome_L2[:, 1].double()
        octave = 2.0 ** torch.arange(OCTAVES, dtype=torch.float64)
        phase_LK = math.pi * octave * (position_L / position_L.max().clamp(min=1))[:, None]
        waves_LF = torch.cat([phase_LK.sin(), phase_LK.cos()], dim=1)
        self.register_buffer("chromosome_L", chromosome_L)
        self.register_buffer("waves_LF", waves_LF.float())
        self.chromosome = nn.Parameter(torch.empty(int(chromosome_L.max()) + 1, dim))
        self.along = nn.Parameter(torch.empty(2 * OCTAVES, dim))
        nn.init.normal_(self.chromosome, std=init_scale)
        nn.init.normal_(self.along, std=init_scale / math.sqrt(OCTAVES))

    def forward(self) -> Tensor:
        # Buffers, which are tensors: an annotation that says so would be code to the run's digest.
        return self.chromosome[self.chromosome_L] + self.waves_LF @ self.along  # pyright: ignore[reportArgumentType, reportOperatorIssue]
