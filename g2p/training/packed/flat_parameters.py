"""All parameters of a model in one flat vector, which one optimizer steps; memory of a step."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector


def flatten_parameters(model: nn.Module) -> nn.Parameter:
    """Return all parameters of a model as one vector (M,), in their order."""
    return nn.Parameter(parameters_to_vector(model.parameters()).detach())


def parameter_slices(model: nn.Module) -> Iterator[tuple[str, slice, torch.Size]]:
    """Yield each parameter's name, its slice of the flat vector, and its shape."""
    first = 0
    for name, parameter in model.named_parameters():
        last = first + parameter.numel()
        yield name, slice(first, last), parameter.shape
        first = last


def bytes_of_parameters(model: nn.Module) -> int:
    """Return the memory of parameters, their gradients and an optimizer's two moments."""
    return 4 * sum(p.numel() * p.element_size() for p in model.parameters())


def bytes_for_backward(model: nn.Module, *inputs: Tensor) -> int:
    """Return the memory that a forward pass keeps for the backward pass, measured."""
    sizes = {}  # address of a storage -> its bytes

    def record_size(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(record_size, lambda tensor: tensor):
        predicted = model(*inputs)  # stays alive, or an address could come up twice
    del predicted
    return sum(sizes.values())
