"""What baselines share that fit each phenotype by itself, on the strains observed in it."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from g2p.core.errors import UserError

Predictor = Callable[[np.ndarray], np.ndarray]  # (N, L) to (N,)


class PerPhenotype(ABC):
    """A baseline with one predictor a phenotype.

    Attributes:
        fewest: training strains that a phenotype must have.

    Attributes after `fit` or `load`:
        state: for a checkpoint: name -> list over phenotypes of arrays or plain values.
        num_parameters: fitted numbers, over all phenotypes.
    """

    fewest = 2

    def fit(self, genotypes: np.ndarray, phenotypes: np.ndarray) -> "PerPhenotype":
        """From genotypes (n, L) and phenotypes (n, P), NaN where missing."""
        states = []
        for y in phenotypes.T:
            seen = np.isfinite(y)
            X, y = genotypes[seen].astype(np.float64), y[seen].astype(np.float64)
            if len(y) < self.fewest:
                raise UserError(
                    f"model={type(self).__name__.lower()}: a phenotype has {len(y)} training "
                    f"strains; its cross-validation needs {self.fewest}. Use ridge."
                )
            states.append(self.fit_one(X, y))
        return self.load({name: [state[name] for state in states] for name in states[0]})

    def load(self, state: dict[str, list]) -> "PerPhenotype":
        """As fitted before, from its `state`."""
        self.state = state
        names = list(state)
        self._predictors = [
            self.predictor(dict(zip(names, values, strict=True)))
            for values in zip(*state.values(), strict=True)
        ]
        self.num_parameters = _count(state)
        return self

    def predict(self, genotypes: np.ndarray) -> np.ndarray:
        """(N, P) float64 for genotypes (N, L)."""
        genotypes = genotypes.astype(np.float64)
        return np.stack([predict(genotypes) for predict in self._predictors], axis=1)

    @abstractmethod
    def fit_one(self, X: np.ndarray, y: np.ndarray) -> dict:
        """The state of one phenotype from X (n, L) and y (n,): arrays and plain values."""

    @abstractmethod
    def predictor(self, state: dict) -> Predictor:
        """How the state of one phenotype predicts."""


def _count(state) -> int:
    """Fitted numbers in a state, however nested; a text (an ensemble of trees) counts as one."""
    if isinstance(state, dict):
        return sum(map(_count, state.values()))
    return sum(map(_count, state)) if isinstance(state, list) else np.size(state)
