"""Lasso and elastic net: additive effects, most of them zero, the penalty by cross-validation."""

from typing import Annotated

import numpy as np
from sklearn.linear_model import ElasticNet, enet_path
from sklearn.model_selection import KFold

from g2p.baselines.per_phenotype import PerPhenotype, Predictor
from g2p.config.constraints import Above, AtLeast, AtMost
from g2p.core.progress import report

TOLERANCE = 1e-3  # of the dual gap, as a share of y'y


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

    def operations(self, n: int, n_loci: int) -> float:
        return n * n_loci**1.5  # more loci need more sweeps, too: measured on crosses

    def fit_one(self, X: np.ndarray, y: np.ndarray) -> dict:
        X = np.asfortranarray(X)
        largest = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / len(X) / self.l1_ratio
        # Down to a hundredth of the largest penalty: smaller ones take minutes and predict worse.
        penalties = np.geomspace(largest, largest / 100, self.penalties) if largest else np.ones(1)
        errors = []
        for k, (fitted, held_out) in enumerate(KFold(self.folds).split(X)):
            errors.append(self._errors(X[fitted], y[fitted], X[held_out], y[held_out], penalties))
            report((k + 1) / (self.folds + 1))
        penalty = penalties[np.argmin(np.mean(errors, axis=0))]
        model = ElasticNet(alpha=penalty, l1_ratio=self.l1_ratio, tol=TOLERANCE).fit(X, y)
        return {
            "weight": model.coef_,
            "offset": float(model.intercept_),
            "penalty": float(penalty),
        }

    def _errors(
        self, X: np.ndarray, y: np.ndarray, X_held_out: np.ndarray, y_held_out: np.ndarray,
        penalties: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Return a mean squared error of held-out strains a penalty, fitted to X (n, L), y (n,)."""
        centre, mean = X.mean(axis=0), y.mean()
        # Its penalties are an array; scikit-learn's default, which is none, misleads the checker.
        _, effects, _ = enet_path(
            np.asfortranarray(X - centre), y - mean, l1_ratio=self.l1_ratio,
            alphas=penalties, tol=TOLERANCE, copy_X=False,  # pyright: ignore[reportArgumentType]
        )  # fmt: skip
        predicted = (X_held_out - centre) @ effects + mean
        return ((predicted - y_held_out[:, None]) ** 2).mean(axis=0)

    def predictor(self, state: dict) -> Predictor:
        return lambda genotypes: genotypes @ state["weight"] + state["offset"]
