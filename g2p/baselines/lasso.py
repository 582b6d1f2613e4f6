"""Lasso and elastic net: additive effects, most of them zero, the penalty by cross-validation."""

from typing import Annotated

import numpy as np
from sklearn.linear_model import enet_path
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
        centre, mean = X.mean(axis=0), y.mean()
        X, y = np.asfortranarray(X - centre), y - mean
        largest = np.abs(X.T @ y).max() / len(X) / self.l1_ratio
        # Down to a hundredth of the largest penalty: smaller ones take minutes and predict worse.
        penalties = np.geomspace(largest, largest / 100, self.penalties) if largest else np.ones(1)
        # Products of loci are faster than strains one by one where strains outnumber loci.
        products = X.T @ X if X.shape[0] >= X.shape[1] else None
        errors = []
        for k, (_, held_out) in enumerate(KFold(self.folds).split(X)):
            errors.append(self._errors(X, y, held_out, penalties, products))
            report((k + 1) / (self.folds + 1))
        penalty = penalties[np.argmin(np.mean(errors, axis=0))]
        weight = self._path(X, y, penalty[None], products)[:, 0]
        offset = float(mean - centre @ weight)
        return {"weight": weight, "offset": offset, "penalty": float(penalty)}

    def _errors(
        self, X: np.ndarray, y: np.ndarray, held_out: np.ndarray, penalties: np.ndarray,
        products: np.ndarray | None,
    ) -> np.ndarray:  # fmt: skip
        """Return a mean squared error a penalty of the held-out strains, fitted to the others."""
        X_held_out, X = X[held_out], np.delete(X, held_out, axis=0)
        y_held_out, y = y[held_out], np.delete(y, held_out)
        centre, mean = X.mean(axis=0), y.mean()
        if products is not None:  # those of the others, by taking away: a fraction of the work
            products = products - X_held_out.T @ X_held_out - len(X) * np.outer(centre, centre)
        effects = self._path(np.asfortranarray(X - centre), y - mean, penalties, products)
        predicted = (X_held_out - centre) @ effects + mean
        return ((predicted - y_held_out[:, None]) ** 2).mean(axis=0)

    def _path(
        self, X: np.ndarray, y: np.ndarray, penalties: np.ndarray, products: np.ndarray | None
    ) -> np.ndarray:
        """Return effects (L, penalties) for centred X (n, L), y (n,); `products` is X'X (L, L)."""
        # scikit-learn has no types; its defaults mislead the checker.
        _, effects, _ = enet_path(
            X, y, l1_ratio=self.l1_ratio,
            alphas=penalties,  # pyright: ignore[reportArgumentType]
            tol=TOLERANCE,
            precompute=False if products is None else products,  # pyright: ignore[reportArgumentType]
            copy_X=False,
        )  # fmt: skip
        return effects

    def predictor(self, state: dict) -> Predictor:
        return lambda genotypes: genotypes @ state["weight"] + state["offset"]
