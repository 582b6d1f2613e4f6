"""The standard pre-norm transformer encoder on loci, as in Arcadia Science's 2025 study."""

from typing import Annotated, Any, Literal

from torch import Tensor, nn

from g2p.config.constraints import Above, AtLeast, Below, Divides, NeutralAt, OnlyIf
from g2p.models.layers.additive import AdditivePath, FixedPath, silence
from g2p.models.layers.attention import Attention
from g2p.models.layers.block import Block
from g2p.models.layers.embedding import LocusEmbedding
from g2p.models.layers.position import GenomePosition, LearnedPosition
from g2p.models.layers.readout import MeanReadout


class Transformer(nn.Module):
    """Genotypes (B, L) to phenotypes (B, P): embed, pre-norm blocks, norm, mean over loci, linear.

    With every toggle on and dropout 0 the blocks and the final norm are `nn.TransformerEncoder`
    with `norm_first=True`.

    Args:
        n_loci: L.
        n_phenotypes: P.
        num_layers: blocks.
        embedding_dim: D.
        num_heads: H, divides D.
        ffn: whether blocks have a feed-forward network (two linear maps with ReLU between).
        ffn_dim: its hidden width.
        skip: whether branches are added to their input.
        layer_norm: whether branches, and the last block's output, are normalised.
        scaled: whether scores are divided by sqrt(D / H).
        dropout: probability, on the branches; never on the attention probabilities.
        init_scale: standard deviation of the initial locus embeddings, and of positions.
        position: what is added to a locus's token: nothing, a vector learned for the locus, or one
            learned for its chromosome and its position along it.
        additive: whether a linear path runs beside the attention.
        additive_effects: ridge: the path starts there (see `AdditivePath`); lasso: it is that.
        attended_loci: K, the loci that attention is over, those whose additive effects explain most
            of the phenotypes' variance (screening; Fan and Lv 2008, J. R. Stat. Soc. B 70:849);
            the others have their additive effects alone.
        genome_L2: see `GenomePosition`.
        ridge: effects (P, L) and offsets (P,), for `additive_effects` of ridge.
        lasso_effects: the same of lasso.
        ranked_L: loci by the variance that these effects explain, the largest first.
    """

    def __init__(
        self,
        *,
        n_loci: int,
        n_phenotypes: int,
        num_layers: Annotated[int, AtLeast(1)],
        embedding_dim: Annotated[int, AtLeast(1)],
        num_heads: Annotated[int, AtLeast(1), Divides("embedding_dim")],
        ffn: bool,
        ffn_dim: Annotated[int, AtLeast(1), OnlyIf("ffn")],
        skip: bool,
        layer_norm: bool,
        scaled: bool,
        dropout: Annotated[float, AtLeast(0), Below(1)],
        init_scale: Annotated[float, Above(0)],
        position: Literal["none", "learned", "genome"],
        additive: bool,
        additive_effects: Annotated[
            Literal["ridge", "lasso"], OnlyIf("additive"), NeutralAt("ridge")
        ],
        attended_loci: Annotated[int | None, AtLeast(2), OnlyIf("additive"), NeutralAt(None)],
        genome_L2: Tensor | None = None,
        ridge: tuple[Tensor, Tensor] | None = None,
        lasso_effects: tuple[Tensor, Tensor] | None = None,
        ranked_L: Tensor | None = None,
    ):
        super().__init__()
        D = embedding_dim

        def layer() -> Block:
            attention = Attention(
                dim=D, num_heads=num_heads, bias=True, scaled=scaled, output_projection=True,
                init_scale=None,
            )  # fmt: skip
            return Block(
                dim=D, attention=attention, skip=skip, layer_norm=layer_norm,
                ffn_dim=ffn_dim if ffn else None, dropout=dropout,
            )  # fmt: skip

        attended_K = None
        if additive and attended_loci is not None:
            attended_K = ranked_L[:attended_loci].sort().values  # pyright: ignore[reportOptionalSubscript]  # the caller passes it
        self.register_buffer("attended_K", attended_K)
        self.embed = LocusEmbedding(
            n_loci=n_loci if attended_K is None else len(attended_K), dim=D, ones_column=False,
            init_scale=init_scale,
        )  # fmt: skip
        self.blocks = nn.Sequential(*(layer() for _ in range(num_layers)))
        self.norm = nn.LayerNorm(D) if layer_norm else nn.Identity()
        self.readout = MeanReadout(dim=D, n_phenotypes=n_phenotypes, dropout=0.0)
        self.position = self.additive = None
        if position == "learned":
            self.position = LearnedPosition(n_loci=n_loci, dim=D, init_scale=init_scale)
        if position == "genome":
            # The caller passes it.
            self.position = GenomePosition(genome_L2=genome_L2, dim=D, init_scale=init_scale)  # pyright: ignore[reportArgumentType]
        if additive:
            if additive_effects == "lasso":
                self.additive = FixedPath(effects=lasso_effects)  # pyright: ignore[reportArgumentType]  # the caller passes it
            else:
                self.additive = AdditivePath(ridge=ridge)  # pyright: ignore[reportArgumentType]
            silence(self.readout)

    def forward(self, genotype_BL: Tensor) -> Tensor:
        seen: Any = slice(None) if self.attended_K is None else self.attended_K
        x_BLD = self.embed(genotype_BL[:, seen])
        if self.position is not None:
            x_BLD = x_BLD + self.position()[seen]
        y_BP = self.readout(self.norm(self.blocks(x_BLD)))
        return y_BP if self.additive is None else y_BP + self.additive(genotype_BL)
