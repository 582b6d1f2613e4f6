"""K models of one architecture as one: their parameters are the rows of one buffer."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parameters_to_vector

from g2p.train.fold import Draws, Folded, MemberDropout


class Stack:
    """Calls and differentiates K models at once; they go on living in its rows.

    The models know nothing of it. Their parameters are views of the buffer, so each can still be
    called, saved and scored by itself at any time.

    Args:
        models: alike but for their parameters, buffers and dropout probabilities.
        rows: of each model all its parameters in one vector (see `row_of`), which an optimizer of
            the member's own steps; `backward` fills in its gradient.
        draws: of each model the random numbers of its dropout.
    """

    def __init__(
        self, models: Sequence[nn.Module], rows: Sequence[nn.Parameter], draws: Sequence[Draws]
    ):
        self.buffer_KM = torch.stack([row.detach() for row in rows])
        self.gradient_KM = torch.zeros_like(self.buffer_KM)
        for row, values_M, gradient_M in zip(rows, self.buffer_KM, self.gradient_KM, strict=True):
            row.data, row.grad = values_M, gradient_M
        self.parameters, self._gradients = {}, []
        first = 0
        for name, parameter in models[0].named_parameters():
            part = slice(first, first + parameter.numel())
            shape = (len(models), *parameter.shape)
            for model, values_M in zip(models, self.buffer_KM, strict=True):
                model.get_parameter(name).data = values_M[part].view(parameter.shape)
            self.parameters[name] = self.buffer_KM[:, part].view(shape).requires_grad_()
            self._gradients.append(self.gradient_KM[:, part].view(shape))
            first = part.stop
        self.buffers = {
            name: torch.stack([model.get_buffer(name) for model in models])
            for name, _ in models[0].named_buffers()
        }
        self.sizes = [0] * len(models)
        self._plain = copy.deepcopy(models[0])
        for name, module in models[0].named_modules():
            if isinstance(module, nn.Dropout):
                probabilities = [model.get_submodule(name).p for model in models]
                dropout = MemberDropout(probabilities, list(draws), self.sizes)
                self._plain.set_submodule(name, dropout)

    def __call__(self, *inputs: Tensor, training: bool) -> Tensor:
        """Predictions (K, B, P) of inputs (K, B, ...); set `sizes` first where dropout draws."""
        self._plain.train(training)
        with Folded():
            return torch.vmap(self._member)(self.parameters, self.buffers, *inputs)

    def backward(self, losses_K: Tensor) -> None:
        """The gradient of each member's loss, into its row's `grad`."""
        found = torch.autograd.grad(losses_K.sum(), list(self.parameters.values()))
        for gradient, there in zip(found, self._gradients, strict=True):
            there.copy_(gradient)

    def _member(self, parameters: dict, buffers: dict, *inputs: Tensor) -> Tensor:
        return functional_call(self._plain, (parameters, buffers), inputs)


def row_of(model: nn.Module) -> nn.Parameter:
    """All parameters of a model in one vector (M,), in their order."""
    return nn.Parameter(parameters_to_vector(model.parameters()).detach())


def bytes_of_step(model: nn.Module, *inputs: Tensor) -> int:
    """Memory that a training step of one member takes: what its forward pass keeps, measured, and
    parameters, gradients and an optimizer's two moments.
    """
    kept = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        predicted = model(*inputs)  # kept alive, or an address could come up twice
    parameters = sum(p.numel() * p.element_size() for p in model.parameters())
    del predicted
    return sum(kept.values()) + 4 * parameters
