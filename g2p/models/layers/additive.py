"""The linear path beside the attention: most of a cross's variance is additive."""

import torch
from torch import Tensor, nn

from g2p.models.layers.readout import LocusReadout, MeanReadout


class FixedPath(nn.Module):
    """Genotypes (B, L) to phenotypes (B, P) by a closed form's effects, which stay as they are.

    Args:
        effects: (P, L), and offsets (P,), fitted to the training strains.
    """

    def __init__(self, *, effects: tuple[Tensor, Tensor]):
        super().__init__()
        effect_PL, offset_P = (part.float() for part in effects)
        self.register_buffer("effect_PL", effect_PL)
        self.register_buffer("offset_P", offset_P)

    def forward(self, genotype_BL: Tensor) -> Tensor:
        return genotype_BL @ self.effect_PL.T + self.offset_P  # pyright: ignore[reportOperatorIssue]


class AdditivePath(nn.Module):
    """Genotypes (B, L) to phenotypes (B, P), linear, started at the ridge solution.

    What is learned is the change, in units of the spread of a phenotype's ridge effects: Adam's
    steps have the size of the learning rate whatever the gradient, and would otherwise undo the
    start within an epoch.

    Args:
        ridge: effects (P, L) and offsets (P,) of ridge on the training strains.
    """

    def __init__(self, *, ridge: tuple[Tensor, Tensor]):
        super().__init__()
        start_PL, offset_P = (part.float() for part in ridge)
        self.register_buffer("start_PL", start_PL)
        self.register_buffer("unit_P1", start_PL.square().mean(dim=1, keepdim=True).sqrt())
        self.change_PL = nn.Parameter(torch.zeros_like(start_PL))
        self.offset_P = nn.Parameter(offset_P.clone())

    def forward(self, genotype_BL: Tensor) -> Tensor:
        # Buffers, which are tensors: an annotation that says so would be code to the run's digest.
        effect_PL = self.start_PL + self.unit_P1 * self.change_PL  # pyright: ignore[reportOperatorIssue]
        return genotype_BL @ effect_PL.T + self.offset_P


def silence(readout: MeanReadout | LocusReadout) -> None:
    """Start the attention's readout at zero, so that the whole model starts as the linear path."""
    for parameter in readout.parameters():
        nn.init.zeros_(parameter)
