"""Batches from tensors that stay on the device: an index and a gather, no loader, no copy."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Batch(NamedTuple):
    """B strains: genotypes (B, L), phenotypes (B, P) with NaN where missing.

    Where each strain is used in one environment only, `environment_B` is its index and phenotypes
    are (B, 1).

    `n_observed` is the number of observed values in the whole batch: more than in this part of it
    when the batch is shared by several processes. `weight_BP` weighs the values, where they are
    weighted.
    """

    genotype_BL: Tensor
    phenotype_BP: Tensor
    n_observed: Tensor
    environment_B: Tensor | None = None
    weight_BP: Tensor | None = None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The arguments of the model's `forward`."""
        if self.environment_B is None:
            return (self.genotype_BL,)
        return (self.genotype_BL, self.environment_B)

    @property
    def targets(self) -> tuple[Tensor, ...]:
        """The arguments of the loss after the predictions."""
        if self.weight_BP is None:
            return (self.phenotype_BP, self.n_observed)
        return (self.phenotype_BP, self.n_observed, self.weight_BP)


class Batches:
    """The strains `rows` of a panel, a batch at a time; may be iterated again.

    The order of a shuffled epoch is a function of (seed, epoch) alone, so a resumed run sees the
    batches it would have seen. With several processes, each takes its share of every batch.

    Args:
        genotypes: (N, L), on the device they are used on.
        phenotypes: (N, P) standardised, NaN where missing, beside them.
        rows: the strains, (n,).
        batch_size: strains a batch, over all processes.
        seed: of the order; None keeps the order of `rows`.
        drop_last: whether an incomplete last batch is left out.
        rank, world: which share of each batch is taken: every world-th strain from rank on.
        n_environments: P, where each strain of an epoch is to be seen in one phenotype alone,
            turn by turn, so that a batch holds as many strains of each (to within one, where P
            does not divide it); None: in all of them.
        weights: (N, P) of the phenotypes, 0 where missing, beside them; None: all count alike.
    """

    def __init__(
        self, genotypes: Tensor, phenotypes: Tensor, rows: Tensor, *, batch_size: int,
        seed: int | None = None, drop_last: bool = False, rank: int = 0, world: int = 1,
        n_environments: int | None = None, weights: Tensor | None = None,
    ):  # fmt: skip
        self.genotypes, self.phenotypes, self.rows = genotypes, phenotypes, rows
        self.batch_size, self.seed, self.drop_last = batch_size, seed, drop_last
        self.rank, self.world = rank, world
        self.n_environments, self.weights = n_environments, weights
        self.epoch = 0

    def __len__(self) -> int:
        full, rest = divmod(len(self.rows), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        rows = self.rows
        if self.seed is not None:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(len(rows))
            rows = rows[torch.from_numpy(order).to(rows.device)]
        for i, batch in enumerate(rows.split(self.batch_size)[: len(self)]):
            phenotype_BP, environment_B = self.phenotypes[batch], None
            weight_BP = None if self.weights is None else self.weights[batch]
            if self.n_environments is not None:
                turn = i * self.batch_size + torch.arange(len(batch), device=batch.device)
                environment_B = turn % self.n_environments
                phenotype_BP = phenotype_BP.gather(1, environment_B[:, None])
                if weight_BP is not None:
                    weight_BP = weight_BP.gather(1, environment_B[:, None])
            n_observed = phenotype_BP.isfinite().sum()
            share = slice(self.rank, None, self.world)
            if self.rank >= len(batch):  # attention on a GPU refuses no strain: one, not observed
                share = slice(1)
                phenotype_BP = torch.full_like(phenotype_BP, float("nan"))
            yield Batch(
                # Three times as fast as indexing with brackets.
                self.genotypes.index_select(0, batch[share]).to(self.phenotypes.dtype),
                phenotype_BP[share],
                n_observed,
                None if environment_B is None else environment_B[share],
                None if weight_BP is None else weight_BP[share],
            )
