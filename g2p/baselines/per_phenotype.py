"""The base class of baselines that fit each phenotype alone, on the strains observed in it."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from g2p.core.errors import TrainingError
from g2p.core.progress import part

Predictor = Callable[[np.ndarray], np.ndarray]  # (N, L) to (N,)


class PerPhenotype(ABC):
    """A baseline with one predictor a phenotype.

    Attributes:
        min_strains: the fewest training strains that a phenotype may have.

    Attributes after `fit` or `load`:
        state: for a checkpoint: name -> list over phenotypes of arrays or plain values.
        num_parameters: fitted numbers, over all phenotypes.
    """

    min_strains = 2

    def fit(self, genotypes: np.ndarray, phenotypes: np.ndarray) -> "PerPhenotype":
        """Fit to genotypes (n, L) and phenotypes (n, P), NaN where missing."""
        states, n_phenotypes = [], phenotypes.shape[1]
        for p, y in enumerate(phenotypes.T):
            is_observed = np.isfinite(y)
            X = genotypes[is_observed].astype(np.float64)
            y = y[is_observed].astype(np.float64)
            if len(y) < self.min_strains:
                name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).lower()
                raise TrainingError(
                    f"model={name}: a phenotype has {len(y)} training "
                    f"strains; its cross-validation needs {self.min_strains}. Use ridge."
                )
            with part(p / n_phenotypes, (p + 1) / n_phenotypes):
                states.append(self.fit_one(X, y))
        return self.load({name: [state[name] for state in states] for name in states[0]})

    def operations(self, n: int, n_loci: int) -> float:
        """What the time of a phenotype's fit to n strains is proportional to, roughly."""
        return n * n_loci

    def load(self, state: dict[str, list]) -> "PerPhenotype":
        """Restore a fitted baseline from its `state`."""
        self.state = state
        names = list(state)
        self._predictors = [
            self.predictor(dict(zip(names, values, strict=True)))
            for values in zip(*state.values(), strict=True)
        ]
        self.num_parameters = _count(state)
        return self

    def predict(self, genotypes: np.ndarray) -> np.ndarray:
        """Return predictions (N, P), float64, for genotypes (N, L)."""
        genotypes = genotypes.astype(np.float64)
        return np.stack([predict(genotypes) for predict in self._predictors], axis=1)

    def __getstate__(self) -> dict:
        """What is pickled: predictors are functions, which are made of the state again."""
        return {name: value for name, value in vars(self).items() if name != "_predictors"}

    def __setstate__(self, attributes: dict) -> None:
        vars(self).update(attributes)
        if "state" in attributes:
            self.load(attributes["state"])

    @abstractmethod
    def fit_one(self, X: np.ndarray, y: np.ndarray) -> dict:
        """Return the state of one phenotype from X (n, L) and y (n,): arrays and plain values."""

    @abstractmethod
    def predictor(self, state: dict) -> Predictor:
        """Return the function that predicts from the state of one phenotype."""


def _count(state) -> int:
    """Count the fitted numbers in a nested state; a text (an ensemble of trees) counts as one."""
    if isinstance(state, dict):
        return sum(map(_count, state.values()))
    return sum(map(_count, state)) if isinstance(state, list) else np.size(state)
