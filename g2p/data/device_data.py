"""A prepared panel's tensors on the training device, and the batches from them."""

import numpy as np
import torch
from torch import Tensor

from g2p.core.errors import OptionError
from g2p.data.batches import Batches
from g2p.data.preprocess import Prepared, only_subset


class DeviceData:
    """The panel, copied to a device once; batches are gathered there.

    Args:
        data: the panel.
        double: whether phenotypes, and so the genotypes of a batch, are float64 instead of float32.
        genotypes: those of `data` where they are on the device already, shared with another.
    """

    def __init__(self, data: Prepared, *, double: bool, genotypes: Tensor | None = None):
        # A copy: the store is mapped read-only.
        self.genotypes = torch.tensor(data.genotypes) if genotypes is None else genotypes
        number = torch.float64 if double else torch.float32
        self.phenotypes = {
            subset: torch.from_numpy(only_subset(data.phenotypes, data.split, subset)).to(number)
            for subset in ("train", "val")
        }
        self.weights = None if data.weights is None else torch.from_numpy(data.weights).to(number)
        self.rows = {s: torch.from_numpy(np.asarray(rows)) for s, rows in data.split.items()}

    def to(self, device: torch.device) -> "DeviceData":
        self.genotypes = self.genotypes.to(device)
        self.phenotypes = {subset: values.to(device) for subset, values in self.phenotypes.items()}
        self.weights = None if self.weights is None else self.weights.to(device)
        self.rows = {subset: rows.to(device) for subset, rows in self.rows.items()}
        return self

    def train(self, *, batch_size: int, drop_last: bool, **options) -> Batches:
        """The training strains' batches; `options` are those of `Batches`.

        Raises:
            OptionError: when there are too few strains for one batch.
        """
        n = len(self.rows["train"])
        if drop_last and n < batch_size:
            raise OptionError(
                f"trainer.drop_last=true leaves no batch: {n} training strains, "
                f"trainer.batch_size={batch_size}."
            )
        return Batches(
            self.genotypes, self.phenotypes["train"], self.rows["train"], batch_size=batch_size,
            drop_last=drop_last, weights=self.weights, **options,
        )  # fmt: skip

    def val(self, batch_size: int) -> Batches:
        """The validation strains, in their order."""
        return Batches(
            self.genotypes, self.phenotypes["val"], self.rows["val"], batch_size=batch_size
        )
