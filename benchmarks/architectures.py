"""The models that benchmarks time, at the studies' depth, and reference implementations."""

import torch
from torch import Tensor, nn

from g2p.models.pooled_attention import PooledAttention
from g2p.models.rijal_attention import RijalAttention
from g2p.models.transformer import Transformer

PASSES = 3  # backward costs twice what forward does
PASSES_OF_EXP = 2  # backward takes the exponentials once more
WIDTHS = {"rijal_attention": 13, "pooled_attention": 128, "transformer": 256}


def build(name: str, loci: int, dim: int) -> nn.Module:
    """Return a model of three layers, of width `dim`."""
    torch.manual_seed(0)
    sizes = {"n_loci": loci, "num_layers": 3, "embedding_dim": dim}
    if name == "rijal_attention":
        return RijalAttention(**sizes, n_phenotypes=1, init_scale=0.03)
    if name == "pooled_attention":
        return PooledAttention(
            **sizes, n_phenotypes=18, skip=False, skip_first_layer=False, layer_norm=False,
            scaled=False, dropout=0.0, init_scale=0.03,
        )  # fmt: skip
    return Transformer(
        **sizes, n_phenotypes=18, num_heads=4, ffn=True, ffn_dim=4 * dim, skip=True,
        layer_norm=True, scaled=True, dropout=0.0, init_scale=1.0, position="none", additive=False,
        additive_effects="ridge", attended_loci=None,
    )  # fmt: skip


class TorchEncoder(nn.Module):
    """The transformer's blocks by `nn.TransformerEncoder`, between the same embedding and head."""

    def __init__(self, model: Transformer, dim: int):
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            dim, 4, 4 * dim, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, 3, norm=nn.LayerNorm(dim), enable_nested_tensor=False
        )
        self.embed, self.readout = model.embed, model.readout

    def forward(self, genotype_BL: Tensor) -> Tensor:
        return self.readout(self.encoder(self.embed(genotype_BL)))


def products(name: str, batch: int, loci: int, dim: int) -> tuple[float, float]:
    """Return the FLOPs of the linear and attention products of a step, and its exponentials."""
    tokens, heads = batch * loci, 4 if name == "transformer" else 1
    linear = 3 * dim * dim + (dim * dim + 8 * dim * dim if name == "transformer" else 0)
    flops = 3 * (2 * tokens * linear + 4 * batch * loci * loci * dim)
    return PASSES * flops, PASSES_OF_EXP * 3.0 * heads * batch * loci * loci
