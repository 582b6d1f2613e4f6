"""Rules of `torch.vmap` for the few operations that several stacked models compute differently.

`torch.vmap` runs a plain model on K sets of parameters; most of what it does needs no help. Here is
what does: a linear map becomes one batched product, attention one call of the fused kernel on K x B
strains (which has no rule of its own under vmap), and dropout draws for each member what that
member would draw alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class VmapRules(TorchFunctionMode):
    """A context within which `vmap` over members uses the rules below."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is F.linear:
            return _linear(*args, **kwargs)
        if function is F.scaled_dot_product_attention:
            return _Attention.apply(*args, kwargs["scale"])
        return function(*args, **kwargs)


class MemberGenerator:
    """A member's random numbers: torch's generator of a device, in the state the member left it in.

    Args:
        device: whose generator.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.module = torch.cuda if device.type == "cuda" else torch
        self.state = self.module.get_rng_state()

    def seed(self, seed: int) -> None:
        self.state = torch.Generator(self.device).manual_seed(seed).get_state()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let torch draw the member's random numbers within the context."""
        before = self.module.get_rng_state()
        self.module.set_rng_state(self.state)
        try:
            yield
        finally:
            self.state = self.module.get_rng_state()
            self.module.set_rng_state(before)


class MemberDropout(nn.Module):
    """Replaces a dropout: each member has its probability and its random numbers.

    Attributes:
        probabilities: K, of zeroing.
        generators: K, advanced as if each member were alone.
        sizes: strains in each member's batch; the padding draws nothing.
    """

    def __init__(
        self, probabilities: list[float], generators: list[MemberGenerator], sizes: list[int]
    ):
        super().__init__()
        self.probabilities, self.generators, self.sizes = probabilities, generators, sizes

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not any(self.probabilities):
            return x
        return _Dropout.apply(x, self)

    def forward_members(self, x_KB: Tensor) -> Tensor:
        outputs = []
        members = zip(x_KB, self.probabilities, self.generators, self.sizes, strict=True)
        for x_B, p, generator, size in members:
            if p > 0 and size > 0:
                with generator.in_use():
                    x_B = torch.cat([F.dropout(x_B[:size], p), x_B[size:]])
            outputs.append(x_B)
        return torch.stack(outputs)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if bias is not None:
        return _Linear.apply(x, weight, bias)
    # One matrix product, of which vmap makes a batched one by itself, for a third of a rule's cost.
    return torch.mm(x.reshape(-1, x.shape[-1]), weight.T).view(*x.shape[:-1], -1)


def _members_first(info, in_dims, tensors) -> list[Tensor]:
    """Return every tensor with the member axis in front; one that all members share is repeated."""
    return [
        tensor.expand(info.batch_size, *tensor.shape) if dim is None
        else tensor.movedim(dim, 0)
        for tensor, dim in zip(tensors, in_dims, strict=True)
    ]  # fmt: skip


class _Rule(torch.autograd.Function):
    """An operation with a rule for vmap; torch differentiates what the rule does."""

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        pass


class _Linear(_Rule):
    @staticmethod
    def forward(x, weight, bias):
        return F.linear(x, weight, bias)

    @staticmethod
    def vmap(info, in_dims, x, weight, bias):
        x, weight, bias = _members_first(info, in_dims, (x, weight, bias))
        y = torch.baddbmm(bias[:, None], x.flatten(1, -2), weight.transpose(1, 2))
        return y.view(*x.shape[:-1], -1), 0


class _Attention(_Rule):
    @staticmethod
    def forward(query, key, value, scale):
        return F.scaled_dot_product_attention(query, key, value, scale=scale)

    @staticmethod
    def vmap(info, in_dims, query, key, value, scale):
        heads = _members_first(info, in_dims[:3], (query, key, value))
        query, key, value = (tensor.flatten(0, 1) for tensor in heads)
        values = F.scaled_dot_product_attention(query, key, value, scale=scale)
        return values.unflatten(0, (info.batch_size, -1)), 0


class _Dropout(_Rule):
    @staticmethod
    def forward(x, dropout):
        return x.clone()

    @staticmethod
    def vmap(info, in_dims, x, dropout):
        return dropout.forward_members(x.movedim(in_dims[0], 0)), 0
