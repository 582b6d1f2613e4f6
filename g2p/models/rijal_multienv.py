"""Rijal et al. 2025, multi-environment: the environment joins as a token, one number comes out."""

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from g2p.config.constraints import Above, AtLeast
from g2p.core.errors import OptionError
from g2p.models.layers.embedding import LocusEmbedding
from g2p.models.layers.readout import LocusReadout
from g2p.models.rijal_attention import bare_layer


class RijalMultienv(nn.Module):
    """(strain, environment) pairs to the phenotype of that strain in that environment.

    The layers and the readout of `RijalAttention` on L + 1 tokens, the last of which is a one-hot
    code of the environment and a one; every parameter starts from N(0, init_scale).

    Args:
        n_loci: L.
        n_phenotypes: P, the environments.
        num_layers: attention layers.
        embedding_dim: width of a locus's columns and the column of ones; 13 in the paper.
        own_columns: whether the one-hot code has P separate columns, which are zero in the
            loci's tokens (as published for 18 environments: D = 31), or lies in the first of the
            loci's columns (as published for transfer: D = embedding_dim, which must exceed P).
        init_scale: standard deviation of all initial parameters.

    Raises:
        OptionError: when the code does not fit into the loci's columns.
    """

    def __init__(
        self,
        *,
        n_loci: int,
        n_phenotypes: int,
        num_layers: Annotated[int, AtLeast(1)],
        embedding_dim: Annotated[int, AtLeast(2)],
        own_columns: bool,
        init_scale: Annotated[float, Above(0)],
    ):
        super().__init__()
        # The batches read it: in training a strain is in one environment at a time.
        self.n_environments = P = n_phenotypes
        columns = embedding_dim - 1
        if not own_columns and columns < P:
            raise OptionError(
                f"model.own_columns=false: the one-hot code of {P} environments does not fit into "
                f"the {columns} columns of model.embedding_dim={embedding_dim}."
            )
        self.extra = P if own_columns else 0
        D = embedding_dim + self.extra
        first = columns if own_columns else 0
        code_PD = torch.zeros(P, D)
        code_PD[:, first : first + P] = torch.eye(P)
        code_PD[:, -1] = 1
        self.register_buffer("code_PD", code_PD)
        self.embed = LocusEmbedding(
            n_loci=n_loci, dim=columns, ones_column=False, init_scale=init_scale
        )
        self.blocks = nn.Sequential(*(bare_layer(D, init_scale) for _ in range(num_layers)))
        self.readout = LocusReadout(n_loci=n_loci + 1, dim=D, n_phenotypes=1, init_scale=init_scale)

    def forward(self, genotype_BL: Tensor, environment_B: Tensor | None = None) -> Tensor:
        """Return (B, 1) in these environments, numbered from 0; without them (B, P), in all."""
        if environment_B is None:
            shape, device = (len(genotype_BL),), genotype_BL.device
            environments = (torch.full(shape, p, device=device) for p in range(self.n_environments))
            return torch.cat(
                [self(genotype_BL, environment_B) for environment_B in environments], 1
            )
        loci_BLD = F.pad(self.embed(genotype_BL), (0, self.extra))
        loci_BLD = F.pad(loci_BLD, (0, 1), value=1.0)
        # A buffer, which is a tensor: an annotation that says so would be code to the run's digest.
        token_B1D = self.code_PD[environment_B][:, None].to(loci_BLD.dtype)  # pyright: ignore[reportIndexIssue]
        return self.readout(self.blocks(torch.cat([loci_BLD, token_B1D], dim=1)))
