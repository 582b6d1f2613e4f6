"""What baselines share that fit each phenotype by itself, on the strains observed in it."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

Predictor = Callable[[np.ndarray], np.ndarray]  # (N, L) to (N,)


class PerPhenotype(ABC):
    """A baseline with one predictor a phenotype.

    Attributes after `fit`:
        state: for a checkpoint: name -> list over phenotypes of arrays or plain values.
        num_parameters: fitted numbers, over all phenotypes.
    """

    def fit(self, genotypes: np.ndarray, phenotypes: np.ndarray) -> "PerPhenotype":
        """From genotypes (n, L) and phenotypes (n, P), NaN where missing."""
        self._predictors: list[Predictor] = []
        self.state: dict[str, list] = {}
        for y in phenotypes.T:
            seen = np.isfinite(y)
            predictor, state = self.fit_one(
                genotypes[seen].astype(np.float64), y[seen].astype(np.float64)
            )
            self._predictors.append(predictor)
            for name, value in state.items():
                self.state.setdefault(name, []).append(value)
        self.num_parameters = sum(
            np.size(value) for values in self.state.values() for value in values
        )
        return self

    def predict(self, genotypes: np.ndarray) -> np.ndarray:
        """(N, P) float64 for genotypes (N, L)."""
        genotypes = genotypes.astype(np.float64)
        return np.stack([predict(genotypes) for predict in self._predictors], axis=1)

    @abstractmethod
    def fit_one(self, X: np.ndarray, y: np.ndarray) -> tuple[Predictor, dict]:
        """The predictor of one phenotype from X (n, L) and y (n,), and its state."""
