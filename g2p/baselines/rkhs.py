"""RKHS regression: an additive and a Gaussian kernel, weighted by restricted likelihood.

The Gaussian kernel covers interactions of every order (Morota & Gianola 2014, Frontiers in Genetics
5:363). y = mean + g, g ~ N(0, s2 (a K_additive + b K_gaussian + I)); a, b and the Gaussian kernel's
width maximise the restricted likelihood.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from g2p.baselines.per_phenotype import PerPhenotype, Predictor
from g2p.core.errors import TrainingError

# Memory grows with the square of the strains, time with the cube: minutes a phenotype at this.
MOST_STRAINS = 10_000


class RKHS(PerPhenotype):
    """Predicts by sums over the training strains, which its state therefore contains."""

    def fit_one(self, X: np.ndarray, y: np.ndarray) -> dict:
        n = len(X)
        if n > MOST_STRAINS:
            raise TrainingError(
                f"model=rkhs needs a strains x strains matrix: {n} are more than {MOST_STRAINS}. "
                "Use ridge, linear_pairwise or gbdt."
            )
        z = y - y.mean()
        centred = X - X.mean(axis=0)
        additive = centred @ centred.T / _scale(centred)
        distance = cdist(X, X, "sqeuclidean")
        width = np.median(distance) or distance.mean() or 1.0  # many strains may be alike

        def covariance_factor(parameters: np.ndarray):
            a, b = np.exp(parameters[:2])
            gaussian = np.exp(-distance / (width * np.exp(parameters[2])))
            covariance = a * additive + b * _centred(gaussian, gaussian) + np.eye(n)
            return cho_factor(covariance, lower=True, overwrite_a=True)

        def minus_twice_log_likelihood(parameters: np.ndarray) -> float:
            lower = covariance_factor(parameters)
            s2 = z @ cho_solve(lower, z) / (n - 1)
            # The mean's direction has variance 1 in the centred covariance: it adds nothing.
            return 2 * np.log(np.diag(lower[0])).sum() + (n - 1) * np.log(s2)

        optimum = minimize(
            minus_twice_log_likelihood, x0=[0.0, 0.0, 0.0], method="L-BFGS-B",
            bounds=[(-9, 9), (-9, 9), (-3, 3)], tol=1e-7,
        ).x  # fmt: skip
        a, b, stretch = np.exp(optimum)
        return {
            "genotypes": X.astype(np.float32),
            "dual": cho_solve(covariance_factor(optimum), z),
            "offset": float(y.mean()),
            "additive": float(a),
            "gaussian": float(b),
            "width": float(width * stretch),
        }

    def predictor(self, state: dict) -> Predictor:
        X = state["genotypes"].astype(np.float64)
        centred = X - X.mean(axis=0)
        gaussian = np.exp(-cdist(X, X, "sqeuclidean") / state["width"])

        def predict(genotypes: np.ndarray) -> np.ndarray:
            new = np.exp(-cdist(genotypes, X, "sqeuclidean") / state["width"])
            linear = (genotypes - X.mean(axis=0)) @ centred.T / _scale(centred)
            kernel = state["additive"] * linear + state["gaussian"] * _centred(new, gaussian)
            return state["offset"] + kernel @ state["dual"]

        return predict


def _scale(centred: np.ndarray) -> float:
    """Return the additive kernel's mean diagonal before scaling; 1 where no locus varies."""
    return np.square(centred).sum() / len(centred) or 1.0


def _centred(new: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Return the kernel of new and training strains, centred on the training strains' mean."""
    new = new - training.mean(axis=0)
    return new - new.mean(axis=1, keepdims=True)
