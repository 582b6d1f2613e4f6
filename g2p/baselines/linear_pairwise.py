"""Additive effects and pairwise products of chosen loci, as in Nguyen Ba et al. 2022 (eLife 73983).

Loci are chosen on the training strains by forward selection, their number by cross-validation; then
products among the chosen ones in the same way, on the residuals of the additive terms; then all
terms are fitted by least squares.
"""

from itertools import combinations
from typing import Annotated

import numpy as np
from sklearn.linear_model import LinearRegression, OrthogonalMatchingPursuitCV

from g2p.baselines.per_phenotype import PerPhenotype, Predictor
from g2p.config.constraints import AtLeast


class LinearPairwise(PerPhenotype):
    """y = mean + sum of effects + sum of effects of pairs.

    Args:
        folds: of the training strains, for choosing how many terms.
        max_loci: chosen at most.
        max_pairs: chosen at most; 0 leaves the additive model.
    """

    def __init__(
        self,
        *,
        folds: Annotated[int, AtLeast(2)],
        max_loci: Annotated[int, AtLeast(1)],
        max_pairs: Annotated[int, AtLeast(0)],
    ):
        self.folds, self.max_loci, self.max_pairs = folds, max_loci, max_pairs
        self.min_strains = 2 * folds

    def fit_one(self, X: np.ndarray, y: np.ndarray) -> dict:
        loci = self._select_forward(X - X.mean(axis=0), y - y.mean(), self.max_loci)
        pairs = self._choose_pairs(X, y, loci)
        if not len(loci):  # nothing chosen: the mean
            return {"loci": loci, "pairs": pairs, "weight": np.empty(0), "offset": float(y.mean())}
        least_squares = LinearRegression().fit(terms(X, loci, pairs), y)
        return {
            "loci": loci,
            "pairs": pairs,
            "weight": least_squares.coef_,
            "offset": float(least_squares.intercept_),
        }

    def operations(self, n: int, n_loci: int) -> float:
        chosen = min(self.max_loci, n_loci)
        return n * (chosen * n_loci + min(self.max_pairs, chosen**2 // 2) * chosen**2 / 2)

    def predictor(self, state: dict) -> Predictor:
        return lambda genotypes: (
            terms(genotypes, state["loci"], state["pairs"]) @ state["weight"] + state["offset"]
        )

    def _choose_pairs(self, X: np.ndarray, y: np.ndarray, loci: np.ndarray) -> np.ndarray:
        pairs = np.array(list(combinations(loci, 2)), dtype=int).reshape(-1, 2)
        if not len(pairs) or not self.max_pairs:
            return pairs[:0]
        products = X[:, pairs[:, 0]] * X[:, pairs[:, 1]]
        # Forward selection starts from the additive model: take out what it already explains.
        additive, _ = np.linalg.qr(np.column_stack([np.ones(len(X)), X[:, loci]]))
        products -= additive @ (additive.T @ products)
        is_new = products.std(axis=0) > 1e-6  # a product may be a combination of the loci
        residual = y - additive @ (additive.T @ y)
        return pairs[is_new][self._select_forward(products[:, is_new], residual, self.max_pairs)]

    def _select_forward(self, X: np.ndarray, y: np.ndarray, most: int) -> np.ndarray:
        """Choose columns of centred X one by one for centred y."""
        # A fold has fewer strains than the whole; forward selection cannot choose more terms.
        most = min(most, X.shape[1], len(X) - len(X) // self.folds - 2)
        if most < 1 or not X.any():  # nothing varies
            return np.empty(0, dtype=int)
        if X.shape[1] == 1:  # scikit-learn chooses among two or more
            return np.array([0])
        pursuit = OrthogonalMatchingPursuitCV(cv=self.folds, max_iter=most, fit_intercept=False)
        return np.flatnonzero(pursuit.fit(X, y).coef_)


def terms(X: np.ndarray, loci: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the chosen loci and the chosen products, (N, loci + pairs)."""
    return np.hstack([X[:, loci], X[:, pairs[:, 0]] * X[:, pairs[:, 1]]])
