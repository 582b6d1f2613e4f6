"""Any step of the ladder from `rijal_attention` to `transformer`: each component is one option."""

from typing import Annotated, Literal

from torch import Tensor, nn

from g2p.config.constraints import AtLeast, Divides, OnlyIf
from g2p.models.layers.additive import AdditivePath, silence
from g2p.models.layers.attention import Attention
from g2p.models.layers.block import Block
from g2p.models.layers.embedding import LocusEmbedding
from g2p.models.layers.readout import LocusReadout, MeanReadout

NORMAL_SCALE = 0.03  # Rijal et al. 2025
STANDARD_EMBEDDING_SCALE = 1.0  # Arcadia Science 2025, transformer


class Rung(nn.Module):
    """Genotypes (B, L) to phenotypes (B, P).

    The bottom of the ladder is `RijalAttention`, the top `Transformer` without dropout;
    `conf/study/ladder.yaml` has the steps between, one component each.

    Args:
        n_loci: L.
        n_phenotypes: P.
        num_layers: blocks.
        offsets: how a projection gets a constant: a column of ones in the tokens, or biases.
        readout: a coefficient for each locus and column, or the mean over loci and a linear map.
        embedding_dim: D.
        output_projection: whether the heads' values are mixed by one more linear map.
        skip: whether branches are added to their input.
        layer_norm: whether branches, and the last block's output, are normalised.
        scaled: whether scores are divided by sqrt(D / H).
        ffn: whether blocks have a feed-forward network.
        ffn_dim: its hidden width.
        num_heads: H, divides D.
        initialisation: `normal` draws every parameter (but the norms') from N(0, 0.03);
            `standard` is that of `Transformer`: embeddings N(0, 1), the rest torch's.
        additive: whether a linear path, started at ridge, runs beside the attention; neither
            published model has one.
        ridge: see `AdditivePath`.
    """

    def __init__(
        self,
        *,
        n_loci: int,
        n_phenotypes: int,
        num_layers: Annotated[int, AtLeast(1)],
        offsets: Literal["ones_column", "bias"],
        readout: Literal["per_locus", "mean"],
        embedding_dim: Annotated[int, AtLeast(2)],
        output_projection: bool,
        skip: bool,
        layer_norm: bool,
        scaled: bool,
        ffn: bool,
        ffn_dim: Annotated[int, AtLeast(1), OnlyIf("ffn")],
        num_heads: Annotated[int, AtLeast(1), Divides("embedding_dim")],
        initialisation: Literal["normal", "standard"],
        additive: bool,
        ridge: tuple[Tensor, Tensor] | None = None,
    ):
        super().__init__()
        D = embedding_dim

        def layer() -> Block:
            attention = Attention(
                dim=D, num_heads=num_heads, bias=offsets == "bias", scaled=scaled,
                output_projection=output_projection, init_scale=None,
            )  # fmt: skip
            return Block(
                dim=D, attention=attention, skip=skip, layer_norm=layer_norm,
                ffn_dim=ffn_dim if ffn else None, dropout=0.0,
            )  # fmt: skip

        self.embed = LocusEmbedding(
            n_loci=n_loci, dim=D, ones_column=offsets == "ones_column",
            init_scale=STANDARD_EMBEDDING_SCALE,
        )  # fmt: skip
        self.blocks = nn.Sequential(*(layer() for _ in range(num_layers)))
        self.norm = nn.LayerNorm(D) if layer_norm else nn.Identity()
        self.readout = (
            MeanReadout(dim=D, n_phenotypes=n_phenotypes, dropout=0.0)
            if readout == "mean"
            else LocusReadout(
                n_loci=n_loci, dim=D, n_phenotypes=n_phenotypes, init_scale=NORMAL_SCALE
            )
        )
        if initialisation == "normal":
            for module in self.modules():
                if not isinstance(module, nn.LayerNorm):
                    for parameter in module.parameters(recurse=False):
                        nn.init.normal_(parameter, std=NORMAL_SCALE)
        self.additive = None
        if additive:
            self.additive = AdditivePath(ridge=ridge)  # pyright: ignore[reportArgumentType]  # the caller passes it
            silence(self.readout)

    def forward(self, genotype_BL: Tensor) -> Tensor:
        y_BP = self.readout(self.norm(self.blocks(self.embed(genotype_BL))))
        return y_BP if self.additive is None else y_BP + self.additive(genotype_BL)
