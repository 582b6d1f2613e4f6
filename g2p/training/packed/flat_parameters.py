"""All parameters of a model in one vector, which one optimizer steps; and what a step keeps."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector


def flatten_parameters(model: nn.Module) -> nn.Parameter:
    """All parameters of a model in one vector (M,), in their order."""
    return nn.Parameter(parameters_to_vector(model.parameters()).detach())


def parts(model: nn.Module) -> Iterator[tuple[str, slice, torch.Size]]:
    """Of each parameter its name, where it is in the row, and its shape."""
    first = 0
    for name, parameter in model.named_parameters():
        last = first + parameter.numel()
        yield name, slice(first, last), parameter.shape
        first = last


def bytes_of_parameters(model: nn.Module) -> int:
    """Memory of parameters, their gradients and an optimizer's two moments."""
    return 4 * sum(p.numel() * p.element_size() for p in model.parameters())


def bytes_for_backward(model: nn.Module, *inputs: Tensor) -> int:
    """Memory of what a forward pass keeps for the way back, measured."""
    kept = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        predicted = model(*inputs)  # kept alive, or an address could come up twice
    del predicted
    return sum(kept.values())
