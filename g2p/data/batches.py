"""Batches from tensors that stay on the device: an index and a gather, no loader, no copy."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Batch(NamedTuple):
    """B strains: genotypes (B, L), phenotypes (B, P) with NaN where missing.

    `n_observed` is the number of observed values in the whole batch: more than are seen here when
    the batch is shared by several processes.
    """

    genotype_BL: Tensor
    phenotype_BP: Tensor
    n_observed: Tensor


class Batches:
    """The strains `rows` of a panel, a batch at a time; iterating again gives them again.

    The order of a shuffled epoch is a function of (seed, epoch) alone, so a run that is resumed
    sees what it would have seen. With several processes, each takes its share of every batch.

    Args:
        genotypes: (N, L), on the device they are used on.
        phenotypes: (N, P) standardised, NaN where missing, beside them.
        rows: the strains, (n,).
        batch_size: strains a batch, over all processes.
        seed: of the order; None keeps the order of `rows`.
        drop_last: whether an incomplete last batch is left out.
        rank, world: which share of each batch is taken: every world-th strain from rank on.
    """

    def __init__(
        self, genotypes: Tensor, phenotypes: Tensor, rows: Tensor, *, batch_size: int,
        seed: int | None = None, drop_last: bool = False, rank: int = 0, world: int = 1,
    ):  # fmt: skip
        self.genotypes, self.phenotypes, self.rows = genotypes, phenotypes, rows
        self.batch_size, self.seed, self.drop_last = batch_size, seed, drop_last
        self.rank, self.world = rank, world
        self.epoch = 0

    def __len__(self) -> int:
        full, rest = divmod(len(self.rows), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        rows = self.rows
        if self.seed is not None:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(len(rows))
            rows = rows[torch.from_numpy(order).to(rows.device)]
        for batch in rows.split(self.batch_size)[: len(self)]:
            n_observed = self.phenotypes[batch].isfinite().sum()
            share = batch[self.rank :: self.world]
            yield Batch(
                self.genotypes[share].to(self.phenotypes.dtype), self.phenotypes[share], n_observed
            )
