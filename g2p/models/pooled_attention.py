"""Arcadia Science's 2025 "canonical" attention: stacked attention, mean pool, all phenotypes."""

from typing import Annotated

from torch import Tensor, nn

from g2p.config.constraints import Above, AtLeast, Below, OnlyIf
from g2p.models.layers.attention import Attention
from g2p.models.layers.block import Block
from g2p.models.layers.embedding import LocusEmbedding
from g2p.models.layers.readout import MeanReadout


class PooledAttention(nn.Module):
    """Genotypes (B, L) to phenotypes (B, P): embed, biased attention, mean over loci, linear.

    One head, no output projection, no feed-forward network.

    Args:
        n_loci: L.
        n_phenotypes: P.
        num_layers: attention layers.
        embedding_dim: D.
        skip: whether a layer's input is added to its output.
        skip_first_layer: whether that holds for the first layer too; the published code leaves
            it out there.
        layer_norm: whether a layer normalises its input.
        scaled: whether scores are divided by sqrt(D).
        dropout: probability, on the pooled vector.
        init_scale: standard deviation of the initial embeddings and projections; biases start at 0.
    """

    def __init__(
        self,
        *,
        n_loci: int,
        n_phenotypes: int,
        num_layers: Annotated[int, AtLeast(1)],
        embedding_dim: Annotated[int, AtLeast(1)],
        skip: bool,
        skip_first_layer: Annotated[bool, OnlyIf("skip")],
        layer_norm: bool,
        scaled: bool,
        dropout: Annotated[float, AtLeast(0), Below(1)],
        init_scale: Annotated[float, Above(0)],
    ):
        super().__init__()
        D = embedding_dim

        def layer(i: int) -> Block:
            attention = Attention(
                dim=D, num_heads=1, bias=True, scaled=scaled, output_projection=False,
                init_scale=init_scale,
            )  # fmt: skip
            return Block(
                dim=D, attention=attention, skip=skip and (i > 0 or skip_first_layer),
                layer_norm=layer_norm, ffn_dim=None, dropout=0.0,
            )  # fmt: skip

        self.embed = LocusEmbedding(n_loci=n_loci, dim=D, ones_column=False, init_scale=init_scale)
        self.blocks = nn.Sequential(*(layer(i) for i in range(num_layers)))
        self.readout = MeanReadout(dim=D, n_phenotypes=n_phenotypes, dropout=dropout)

    def forward(self, genotype_BL: Tensor) -> Tensor:
        return self.readout(self.blocks(self.embed(genotype_BL)))
