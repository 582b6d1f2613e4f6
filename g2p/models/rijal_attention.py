"""Rijal et al. 2025 (arXiv 2504.10388; PNAS Nexus 5(3) pgag046): stacked, minimal attention."""

from typing import Annotated

from torch import Tensor, nn

from g2p.config.constraints import Above, AtLeast
from g2p.models.layers.attention import Attention
from g2p.models.layers.block import Block
from g2p.models.layers.embedding import LocusEmbedding
from g2p.models.layers.readout import LocusReadout


def bare_layer(dim: int, init_scale: float) -> Block:
    """`softmax(Q K^T) V` and nothing else; weights from N(0, init_scale)."""
    attention = Attention(
        dim=dim, num_heads=1, bias=False, scaled=False, output_projection=False,
        init_scale=init_scale,
    )  # fmt: skip
    return Block(
        dim=dim, attention=attention, skip=False, layer_norm=False, ffn_dim=None, dropout=0.0
    )


class RijalAttention(nn.Module):
    """Genotypes (B, L) to phenotypes (B, P): `softmax(Q K^T) V` a few times over, nothing else.

    Tokens are the genotype times a locus embedding with a column of ones; a layer has no bias, no
    1/sqrt(D), one head, no residual and no norm; the readout has a coefficient for each locus and
    column. Every parameter starts from N(0, init_scale).

    Args:
        n_loci: L.
        n_phenotypes: P; one in the paper.
        num_layers: attention layers; three in the paper.
        embedding_dim: D, the column of ones included; 13 in the paper.
        init_scale: standard deviation of all initial parameters.
    """

    def __init__(
        self,
        *,
        n_loci: int,
        n_phenotypes: int,
        num_layers: Annotated[int, AtLeast(1)],
        embedding_dim: Annotated[int, AtLeast(2)],
        init_scale: Annotated[float, Above(0)],
    ):
        super().__init__()
        D = embedding_dim
        self.embed = LocusEmbedding(n_loci=n_loci, dim=D, ones_column=True, init_scale=init_scale)
        self.blocks = nn.Sequential(*(bare_layer(D, init_scale) for _ in range(num_layers)))
        self.readout = LocusReadout(
            n_loci=n_loci, dim=D, n_phenotypes=n_phenotypes, init_scale=init_scale
        )

    def forward(self, genotype_BL: Tensor) -> Tensor:
        return self.readout(self.blocks(self.embed(genotype_BL)))
