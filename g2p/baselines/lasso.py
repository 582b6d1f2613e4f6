"""Lasso and elastic net: additive effects, most of them zero, the penalty by cross-validation."""

from typing import Annotated

import numpy as np
from sklearn.linear_model import ElasticNetCV

from g2p.baselines.per_phenotype import PerPhenotype, Predictor
from g2p.config.constraints import Above, AtLeast, AtMost


class Lasso(PerPhenotype):
    """scikit-learn's coordinate descent along a path of penalties (Friedman et al. 2010).

    Args:
        l1_ratio: 1 is the lasso, less an elastic net.
        folds: of the training strains, for choosing the penalty.
        penalties: how many are tried.
    """

    def __init__(
        self,
        *,
        l1_ratio: Annotated[float, Above(0), AtMost(1)],
        folds: Annotated[int, AtLeast(2)],
        penalties: Annotated[int, AtLeast(2)],
    ):
        self.l1_ratio, self.folds, self.penalties = l1_ratio, folds, penalties
        self.min_strains = 2 * folds

    def fit_one(self, X: np.ndarray, y: np.ndarray) -> dict:
        # Down to a hundredth of the largest penalty: smaller ones take minutes and predict worse.
        model = ElasticNetCV(
            l1_ratio=self.l1_ratio, cv=self.folds, alphas=self.penalties, eps=1e-2, tol=1e-3
        )
        model.fit(X, y)
        return {
            "weight": model.coef_,
            "offset": float(model.intercept_),
            "penalty": float(model.alpha_),
        }

    def predictor(self, state: dict) -> Predictor:
        return lambda genotypes: genotypes @ state["weight"] + state["offset"]
