"""K models in turn: for a CPU, whose caches hold what one of them works on but not what all do."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from g2p.data.batches import Batch
from g2p.training.loss import masked_mse
from g2p.training.packed.flat_parameters import parameter_slices
from g2p.training.packed.vmap_rules import MemberGenerator


class SequentialModels:
    """Calls and differentiates models one after another; used as `StackedModels` is."""

    def __init__(
        self,
        models: Sequence[nn.Module],
        flat_parameters: Sequence[nn.Parameter],
        generators: Sequence[MemberGenerator],
    ):
        self.models, self.generators = models, generators
        self._gradients = [torch.zeros_like(flat) for flat in flat_parameters]
        for model, flat, gradient in zip(models, flat_parameters, self._gradients, strict=True):
            flat.grad = gradient
            for name, span, shape in parameter_slices(model):
                parameter = model.get_parameter(name)
                parameter.data = flat.data[span].view(shape)
                parameter.grad = gradient[span].view(shape)  # which backward adds to

    def learn(
        self, batches: Sequence[Batch | None], context: AbstractContextManager
    ) -> list[Tensor | None]:
        """Return the loss of each member's batch; leave its gradient in the flat parameters."""
        members = zip(self.models, self._gradients, self.generators, batches, strict=True)
        return [
            None if batch is None else _learn(model.train(), gradient, generator, batch, context)
            for model, gradient, generator, batch in members
        ]

    def predict(
        self, batches: Sequence[Batch | None], context: AbstractContextManager
    ) -> list[Tensor | None]:
        """Return the predictions (B, P) of each member's batch."""
        with context:
            return [
                None if batch is None else model.eval()(batch.genotype_BL)
                for model, batch in zip(self.models, batches, strict=True)
            ]


def _learn(
    model: nn.Module, gradient: Tensor, generator: MemberGenerator, batch: Batch,
    context: AbstractContextManager,
) -> Tensor:  # fmt: skip
    gradient.zero_()
    with generator.in_use(), context:
        loss = masked_mse(model(*batch.inputs), *batch.targets)
    loss.backward()
    return loss.detach()
