"""K models of one architecture as one model: their parameters are the rows of one buffer."""

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from g2p.data.batches import Batch
from g2p.training.loss import masked_mse
from g2p.training.packed.flat_parameters import parameter_slices
from g2p.training.packed.vmap_rules import MemberDropout, MemberGenerator, VmapRules


class StackedModels:
    """Calls and differentiates K models at once.

    The models' parameters become views of one buffer, so each model can still be called, saved and
    scored by itself at any time.

    Args:
        models: alike but for their parameters, buffers and dropout probabilities.
        flat_parameters: of each model all its parameters in one vector (see `flatten_parameters`),
            which the member's optimizer steps; `learn` fills in its gradient.
        generators: of each model the random numbers of its dropout.
    """

    def __init__(
        self,
        models: Sequence[nn.Module],
        flat_parameters: Sequence[nn.Parameter],
        generators: Sequence[MemberGenerator],
    ):
        self.buffer_KM = torch.stack([flat.detach() for flat in flat_parameters])
        self.gradient_KM = torch.zeros_like(self.buffer_KM)
        for flat, values_M, gradient_M in zip(
            flat_parameters, self.buffer_KM, self.gradient_KM, strict=True
        ):
            flat.data, flat.grad = values_M, gradient_M
        self.parameters, self._gradients = {}, []
        for name, span, shape in parameter_slices(models[0]):
            for model, values_M in zip(models, self.buffer_KM, strict=True):
                model.get_parameter(name).data = values_M[span].view(shape)
            stacked = (len(models), *shape)
            self.parameters[name] = self.buffer_KM[:, span].view(stacked).requires_grad_()
            self._gradients.append(self.gradient_KM[:, span].view(stacked))
        self.buffers = {
            name: torch.stack([model.get_buffer(name) for model in models])
            for name, _ in models[0].named_buffers()
        }
        self._sizes = [0] * len(models)
        self._template = copy.deepcopy(models[0])
        for name, module in models[0].named_modules():
            if isinstance(module, nn.Dropout):
                layers = [model.get_submodule(name) for model in models]
                probabilities = [layer.p for layer in layers if isinstance(layer, nn.Dropout)]
                dropout = MemberDropout(probabilities, list(generators), self._sizes)
                self._template.set_submodule(name, dropout)

    def learn(
        self, batches: Sequence[Batch | None], context: AbstractContextManager
    ) -> list[Tensor]:
        """Return the loss of each member's batch; leave its gradient in the flat parameters.

        Args:
            batches: one a member; None where its epoch is over.
            context: of the forward pass.
        """
        self._sizes[:] = [0 if batch is None else len(batch.phenotype_BP) for batch in batches]
        batch = _stack_batches(batches)
        with context:
            predicted_KBP = self(*batch.inputs, training=True)
            losses_K = torch.vmap(masked_mse)(predicted_KBP, *batch.targets)
        gradients = torch.autograd.grad(losses_K.sum(), list(self.parameters.values()))
        for gradient, target in zip(gradients, self._gradients, strict=True):
            target.copy_(gradient)
        return list(losses_K.detach().unbind())

    def predict(
        self, batches: Sequence[Batch | None], context: AbstractContextManager
    ) -> list[Tensor | None]:
        """Return the predictions (B, P) of each member's batch."""
        with context:
            values_KBP = self(_stack_batches(batches).genotype_BL, training=False)
        return [
            None if batch is None else values_BP[: len(batch.phenotype_BP)]
            for batch, values_BP in zip(batches, values_KBP, strict=True)
        ]

    def __call__(self, *inputs: Tensor, training: bool) -> Tensor:
        """Return predictions (K, B, P) of inputs (K, B, ...)."""
        self._template.train(training)
        with VmapRules():
            return torch.vmap(self._call_member)(self.parameters, self.buffers, *inputs)

    def _call_member(self, parameters: dict, buffers: dict, *inputs: Tensor) -> Tensor:
        return functional_call(self._template, (parameters, buffers), inputs)


def _stack_batches(batches: Sequence[Batch | None]) -> Batch:
    """Return the members' batches as one, (K, B, ...); shorter ones are padded, without weight.

    A member whose epoch is over already has no batch.
    """
    first = next(batch for batch in batches if batch is not None)
    longest = max(len(batch.phenotype_BP) for batch in batches if batch is not None)

    def stacked(field: str, empty: float) -> Tensor:
        example = getattr(first, field)
        values = [example[:0] if batch is None else getattr(batch, field) for batch in batches]
        return torch.stack([
            value if len(value) == longest
            else F.pad(value, (0, 0) * (value.dim() - 1) + (0, longest - len(value)), value=empty)
            for value in values
        ])  # fmt: skip

    environments = None if first.environment_B is None else stacked("environment_B", 0)
    counts = [first.n_observed * 0 if batch is None else batch.n_observed for batch in batches]
    return Batch(
        stacked("genotype_BL", 0.0),
        stacked("phenotype_BP", float("nan")),
        torch.stack(counts),
        environments,
        None if first.weight_BP is None else stacked("weight_BP", 0.0),
    )
