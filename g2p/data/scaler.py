"""Phenotypes to mean 0 and variance 1, by the training strains."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Scaler:
    """Mean and population standard deviation of each phenotype, (P,) each, in original units."""

    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def fit(cls, phenotypes: np.ndarray) -> "Scaler":
        """From the observed values of the training strains, (N, P) with NaN where missing."""
        return cls(mean=np.nanmean(phenotypes, axis=0), sd=np.nanstd(phenotypes, axis=0))

    def standardise(self, phenotypes: np.ndarray) -> np.ndarray:
        return (phenotypes - self.mean) / self.sd

    def original(self, standardised: np.ndarray) -> np.ndarray:
        return standardised * self.sd + self.mean
