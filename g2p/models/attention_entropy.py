"""Whether attention can matter: the entropy of its weights, layer by layer."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from g2p.models.layers.attention import Attention
from g2p.models.uniform_attention import DEGENERATE, is_uniform

# Query loci whose weights are in memory at once: B x H x ROWS x L, never B x H x L x L.
ROWS = 64


@torch.no_grad()
def attention_entropy(model: nn.Module, genotype_BL: Tensor) -> list[dict]:
    """Measure the weights of each attention layer, over all strains, heads and loci of a sample.

    Returns, layer by layer: `entropy`, the mean entropy of a locus's weights in nats; `uniform`,
    that of uniform weights, log L; `own`, the mean weight of a locus on itself; and `degenerate`:
    None, or why this layer's attention cannot matter.
    """
    return [
        _layer_statistics(layer, x_BLD) for layer, x_BLD in attention_inputs(model, genotype_BL)
    ]


def attention_inputs(model: nn.Module, genotype_BL: Tensor) -> list[tuple[Attention, Tensor]]:
    """Return each attention layer with what it receives, (B, L, D), in the order of calls."""
    inputs: dict[Attention, list[Tensor]] = {}  # a multi-environment model passes several times

    def collect(layer: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        if isinstance(layer, Attention):
            inputs.setdefault(layer, []).append(arguments[0])

    hooks = [module.register_forward_pre_hook(collect) for module in model.modules()]
    was_training = model.training
    model.eval()
    model(genotype_BL)
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    return [(layer, torch.cat(tensors)) for layer, tensors in inputs.items()]


def _layer_statistics(layer: Attention, x_BLD: Tensor) -> dict:
    entropy = self_weight = 0.0
    count = 0
    for first, weights_BHRL in attention_weights(layer, x_BLD):
        entropy += torch.special.entr(weights_BHRL).sum().item()
        self_weight += weights_BHRL.diagonal(offset=first, dim1=2, dim2=3).sum().item()
        count += weights_BHRL[..., 0].numel()
    result = {
        "entropy": entropy / count,
        "uniform": math.log(x_BLD.shape[1]),
        "own": self_weight / count,
        "degenerate": None,
    }
    if x_BLD.shape[1] == 1:
        result["degenerate"] = "the sequence has length one"
    elif is_uniform(result):
        result["degenerate"] = "its weights are uniform"
    elif result["own"] > DEGENERATE:
        result["degenerate"] = "each locus attends to itself alone"
    return result


def attention_weights(layer: Attention, x_BLD: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield the first locus of each block of query loci, and the block's softmaxed scores."""
    query, key, _ = layer.projections(x_BLD)
    scale = layer.scale(x_BLD.shape[2])
    for first in range(0, query.shape[2], ROWS):
        scores = query[:, :, first : first + ROWS].double() @ key.double().transpose(2, 3)
        yield first, torch.softmax(scores * scale, dim=3)
