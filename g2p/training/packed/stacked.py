"""K models of one architecture as one: their parameters are the rows of one buffer."""

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from g2p.data.batches import Batch
from g2p.training.loss import masked_mse
from g2p.training.packed.flat_parameters import parts
from g2p.training.packed.vmap_rules import Draws, Folded, MemberDropout


class StackedModels:
    """Calls and differentiates K models at once; they go on living in its rows.

    The models know nothing of it. Their parameters are views of the buffer, so each can still be
    called, saved and scored by itself at any time.

    Args:
        models: alike but for their parameters, buffers and dropout probabilities.
        rows: of each model all its parameters in one vector (see `flatten_parameters`), which an
            optimizer of the member's own steps; `learn` fills in its gradient.
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
        for name, part, shape in parts(models[0]):
            for model, values_M in zip(models, self.buffer_KM, strict=True):
                model.get_parameter(name).data = values_M[part].view(shape)
            stacked = (len(models), *shape)
            self.parameters[name] = self.buffer_KM[:, part].view(stacked).requires_grad_()
            self._gradients.append(self.gradient_KM[:, part].view(stacked))
        self.buffers = {
            name: torch.stack([model.get_buffer(name) for model in models])
            for name, _ in models[0].named_buffers()
        }
        self._sizes = [0] * len(models)
        self._plain = copy.deepcopy(models[0])
        for name, module in models[0].named_modules():
            if isinstance(module, nn.Dropout):
                probabilities = [model.get_submodule(name).p for model in models]
                dropout = MemberDropout(probabilities, list(draws), self._sizes)
                self._plain.set_submodule(name, dropout)

    def learn(
        self, batches: Sequence[Batch | None], context: AbstractContextManager
    ) -> list[Tensor]:
        """The loss of each member's batch, and its gradient in the member's row.

        Args:
            batches: one a member; None where its epoch is over.
            context: of the forward pass.
        """
        self._sizes[:] = [0 if batch is None else len(batch.phenotype_BP) for batch in batches]
        batch = _as_one(batches)
        with context:
            predicted_KBP = self(*batch.inputs, training=True)
            losses_K = torch.vmap(masked_mse)(predicted_KBP, batch.phenotype_BP, batch.n_observed)
        found = torch.autograd.grad(losses_K.sum(), list(self.parameters.values()))
        for gradient, there in zip(found, self._gradients, strict=True):
            there.copy_(gradient)
        return list(losses_K.detach().unbind())

    def predict(
        self, batches: Sequence[Batch | None], context: AbstractContextManager
    ) -> list[Tensor | None]:
        """Of each member's batch its predictions (B, P)."""
        with context:
            values_KBP = self(_as_one(batches).genotype_BL, training=False)
        return [
            None if batch is None else values_BP[: len(batch.phenotype_BP)]
            for batch, values_BP in zip(batches, values_KBP, strict=True)
        ]

    def __call__(self, *inputs: Tensor, training: bool) -> Tensor:
        """Predictions (K, B, P) of inputs (K, B, ...)."""
        self._plain.train(training)
        with Folded():
            return torch.vmap(self._member)(self.parameters, self.buffers, *inputs)

    def _member(self, parameters: dict, buffers: dict, *inputs: Tensor) -> Tensor:
        return functional_call(self._plain, (parameters, buffers), inputs)


def _as_one(batches: Sequence[Batch | None]) -> Batch:
    """The members' batches as one, (K, B, ...); shorter ones are filled up by what counts nothing.

    A member whose epoch is over already has no batch.
    """
    there = next(batch for batch in batches if batch is not None)
    longest = max(len(batch.phenotype_BP) for batch in batches if batch is not None)

    def stacked(field: str, empty: float) -> Tensor:
        example = getattr(there, field)
        values = [example[:0] if batch is None else getattr(batch, field) for batch in batches]
        return torch.stack([
            value if len(value) == longest
            else F.pad(value, (0, 0) * (value.dim() - 1) + (0, longest - len(value)), value=empty)
            for value in values
        ])  # fmt: skip

    environments = None if there.environment_B is None else stacked("environment_B", 0)
    counts = [there.n_observed * 0 if batch is None else batch.n_observed for batch in batches]
    return Batch(
        stacked("genotype_BL", 0.0),
        stacked("phenotype_BP", float("nan")),
        torch.stack(counts),
        environments,
    )
