"""K models in turn: for a CPU, whose caches hold what one of them works on but not what all do."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from g2p.data.batches import Batch
from g2p.training.loss import masked_mse
from g2p.training.packed.flat_parameters import parts
from g2p.training.packed.vmap_rules import Draws


class SequentialModels:
    """Calls and differentiates models one after another; used as `StackedModels` is."""

    def __init__(
        self, models: Sequence[nn.Module], rows: Sequence[nn.Parameter], draws: Sequence[Draws]
    ):
        self.models, self.rows, self.draws = models, rows, draws
        for model, row in zip(models, rows, strict=True):
            row.grad = torch.zeros_like(row)
            for name, part, shape in parts(model):
                parameter = model.get_parameter(name)
                parameter.data = row.data[part].view(shape)
                parameter.grad = row.grad[part].view(shape)  # which backward adds to

    def learn(
        self, batches: Sequence[Batch | None], context: AbstractContextManager
    ) -> list[Tensor | None]:
        """The loss of each member's batch, and its gradient in the member's row."""
        members = zip(self.models, self.rows, self.draws, batches, strict=True)
        return [
            None if batch is None else _learn(model.train(), row, draws, batch, context)
            for model, row, draws, batch in members
        ]

    def predict(
        self, batches: Sequence[Batch | None], context: AbstractContextManager
    ) -> list[Tensor | None]:
        """Of each member's batch its predictions (B, P)."""
        with context:
            return [
                None if batch is None else model.eval()(batch.genotype_BL)
                for model, batch in zip(self.models, batches, strict=True)
            ]


def _learn(
    model: nn.Module, row: nn.Parameter, draws: Draws, batch: Batch,
    context: AbstractContextManager,
) -> Tensor:  # fmt: skip
    row.grad.zero_()
    with draws.drawing(), context:
        loss = masked_mse(model(*batch.inputs), batch.phenotype_BP, batch.n_observed)
    loss.backward()
    return loss.detach()
