"""The one block that every architecture stacks; its toggles are the rungs of the ladder."""

from torch import Tensor, nn

from g2p.models.layers.attention import Attention


class Block(nn.Module):
    """Attention, then a feed-forward network, each on a separate branch.

    With everything on this is the pre-norm encoder layer of Xiong et al. 2020; with `skip`,
    `layer_norm` and `ffn` off it is the bare layer of Rijal et al. 2025.

    Args:
        dim: D.
        attention: the attention, (B, L, D) to (B, L, D).
        skip: whether a branch's input is added to its output.
        layer_norm: whether a branch normalises its input; off, the norm is the identity.
        ffn_dim: hidden width of the feed-forward network; None leaves the branch out.
        dropout: probability, after attention and within and after the feed-forward network.
    """

    def __init__(
        self, *, dim: int, attention: Attention, skip: bool, layer_norm: bool, ffn_dim: int | None,
        dropout: float,
    ):  # fmt: skip
        super().__init__()
        self.skip = skip
        self.attention = attention
        self.attention_norm = nn.LayerNorm(dim) if layer_norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.ffn = None
        if ffn_dim is not None:
            self.ffn_norm = nn.LayerNorm(dim) if layer_norm else nn.Identity()
            self.ffn = nn.Sequential(
                nn.Linear(dim, ffn_dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(ffn_dim, dim)
            )

    def forward(self, x_BLD: Tensor) -> Tensor:
        branch = self.dropout(self.attention(self.attention_norm(x_BLD)))
        x_BLD = x_BLD + branch if self.skip else branch
        if self.ffn is not None:
            branch = self.dropout(self.ffn(self.ffn_norm(x_BLD)))
            x_BLD = x_BLD + branch if self.skip else branch
        return x_BLD
