"""Stacked regressions (Breiman 1996, Machine Learning 24:49): a weighted sum of lasso and trees.

The lasso fits additive effects, the trees interactions; their weights for a phenotype are learned
from predictions of training strains that neither was fitted on.
"""

from typing import Annotated

import numpy as np
from scipy.optimize import nnls
from sklearn.model_selection import KFold

from g2p.baselines.gbdt import GBDT
from g2p.baselines.lasso import Lasso
from g2p.baselines.per_phenotype import PerPhenotype, Predictor
from g2p.config.constraints import AtLeast, OptionsOf, Seed
from g2p.core.progress import part


class Stacked(PerPhenotype):
    """A weighted sum of a lasso's and of boosted trees' predictions, no weight negative.

    Args:
        folds: of the training strains, for the predictions that the weights are learned from.
        seed: of the folds.
        lasso: options of `Lasso`.
        gbdt: options of `GBDT`.
    """

    def __init__(
        self,
        *,
        folds: Annotated[int, AtLeast(2)],
        seed: Seed,
        lasso: Annotated[dict, OptionsOf("lasso")],
        gbdt: Annotated[dict, OptionsOf("gbdt")],
    ):
        self.folds = KFold(folds, shuffle=True, random_state=seed)
        # The strains outside a fold are cross-validated again.
        self.min_strains = 2 * folds + 2 * lasso["folds"]
        self.members = {
            kind.__name__.lower(): kind(**{k: v for k, v in options.items() if k != "name"})
            for kind, options in ((Lasso, lasso), (GBDT, gbdt))
        }

    def fit_one(self, X: np.ndarray, y: np.ndarray) -> dict:
        unseen = np.empty((len(y), len(self.members)))
        n_fits = self.folds.get_n_splits() + 1  # and the fit to all strains
        for k, (fitted, held_out) in enumerate(self.folds.split(X)):
            with part(k / n_fits, (k + 1) / n_fits):
                states = self._fit_members(X[fitted], y[fitted])
                for i, (name, member) in enumerate(self.members.items()):
                    unseen[held_out, i] = member.predictor(states[name])(X[held_out])
        weight, _ = nnls(unseen - y.mean(), y - y.mean())
        with part(1 - 1 / n_fits, 1):
            states = self._fit_members(X, y)
        return {"weight": weight, "mean": float(y.mean()), **states}

    def _fit_members(self, X: np.ndarray, y: np.ndarray) -> dict[str, dict]:
        states, n_members = {}, len(self.members)
        for i, (name, member) in enumerate(self.members.items()):
            with part(i / n_members, (i + 1) / n_members):
                states[name] = member.fit_one(X, y)
        return states

    def predictor(self, state: dict) -> Predictor:
        predictors = [member.predictor(state[name]) for name, member in self.members.items()]

        def predict(genotypes: np.ndarray) -> np.ndarray:
            predicted = np.stack([one(genotypes) for one in predictors], axis=1)
            return state["mean"] + (predicted - state["mean"]) @ state["weight"]

        return predict
