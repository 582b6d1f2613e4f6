"""Multi-head self-attention over loci, always by the fused kernel."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# The fused kernels work on head widths that are multiples of this. A width of 13 padded to 16 is
# 1.4 times as fast (benchmarks/rijal_step.py); zeros change neither scores nor sums.
HEAD_MULTIPLE = 8


class Attention(nn.Module):
    """`softmax(Q K^T * scale) V`, x_BLD to (B, L, D). Nothing of size B x L x L is ever stored.

    There is no dropout on the attention probabilities: it would cost the fused path.

    Args:
        dim: D.
        num_heads: H, divides D.
        bias: whether the projections have biases.
        scaled: whether scores are divided by sqrt(D / H) (Vaswani et al. 2017) or left as they are.
        output_projection: whether the heads' values are mixed by one more linear map.
        init_scale: standard deviation of the initial weights; None for Xavier's uniform, the
            initialisation of `nn.MultiheadAttention`.
    """

    def __init__(
        self, *, dim: int, num_heads: int, bias: bool, scaled: bool, output_projection: bool,
        init_scale: float | None,
    ):  # fmt: skip
        super().__init__()
        self.num_heads = num_heads
        self.scaled = scaled
        # Queries, keys and values below each other, as in nn.MultiheadAttention.
        self.in_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_bias = nn.Parameter(torch.zeros(3 * dim)) if bias else None
        self.out = nn.Linear(dim, dim, bias=bias) if output_projection else nn.Identity()
        if init_scale is None:
            nn.init.xavier_uniform_(self.in_weight)
        else:
            nn.init.normal_(self.in_weight, std=init_scale)
        if output_projection and bias:
            nn.init.zeros_(self.out.bias)  # pyright: ignore[reportArgumentType]  # a linear map

    def forward(self, x_BLD: Tensor) -> Tensor:
        B, L, D = x_BLD.shape
        q_BHLd, k_BHLd, v_BHLd = self.projections(x_BLD)
        values_BHLd = F.scaled_dot_product_attention(q_BHLd, k_BHLd, v_BHLd, scale=self.scale(D))
        values_BHLd = values_BHLd[..., : D // self.num_heads]  # without the padding
        return self.out(values_BHLd.transpose(1, 2).reshape(B, L, D))

    def projections(self, x_BLD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, (B, H, L, d) each, d padded by zeros."""
        weight, bias = self._padded(x_BLD.shape[2] // self.num_heads)
        # A bias of the keys adds the same to all scores of a query, which the softmax takes away
        # again; its gradient would be rounding alone, which Adam turns into steps like any other.
        of_query, _, of_value = (None, None, None) if bias is None else bias.chunk(3)
        # Three products, not one that is then cut in three: in the backward pass their
        # gradients would have to be concatenated.
        q_BLHd, k_BLHd, v_BLHd = (
            F.linear(x_BLD, w, b).unflatten(2, (self.num_heads, -1))
            for w, b in zip(weight.chunk(3), (of_query, None, of_value), strict=True)
        )
        return q_BLHd.transpose(1, 2), k_BLHd.transpose(1, 2), v_BLHd.transpose(1, 2)

    def scale(self, dim: int) -> float:
        """What scores are multiplied by; of the true width of a head, not the padded one."""
        return (dim // self.num_heads) ** -0.5 if self.scaled else 1.0

    def _padded(self, head: int) -> tuple[Tensor, Tensor | None]:
        """The projections, each head's rows padded by zeros: cheaper than padding tokens."""
        extra = -head % HEAD_MULTIPLE
        if not extra:
            return self.in_weight, self.in_bias
        weight = F.pad(self.in_weight.unflatten(0, (-1, head)), (0, 0, 0, extra)).flatten(0, 1)
        if self.in_bias is None:
            return weight, None
        return weight, F.pad(self.in_bias.view(-1, head), (0, extra)).flatten()
