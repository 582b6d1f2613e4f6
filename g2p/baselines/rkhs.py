"""RKHS regression: an additive and a Gaussian kernel, weighted by restricted likelihood.

The Gaussian kernel covers interactions of every order (Morota & Gianola 2014, Frontiers in Genetics
5:363). y = mean + g, g ~ N(0, s2 (a K_additive + b K_gaussian + I)); a, b and the Gaussian kernel's
width, or its widths, one a locus, maximise the restricted likelihood.
"""

from typing import Annotated, Literal

import numpy as np

from g2p.baselines.per_phenotype import PerPhenotype, Predictor
from g2p.baselines.rkhs_covariance import Covariance, solve
from g2p.baselines.rkhs_likelihood import USUAL, locus_weights, shared_weights
from g2p.config.constraints import NeutralAt
from g2p.core.errors import TrainingError
from g2p.core.progress import part

# Memory grows with the square of the strains, time with the cube: at this, 4 to 8 GB and, on one
# core, two minutes a phenotype.
MOST_STRAINS = 30_000
# Each step towards the highest likelihood costs as much as the fit itself. With more strains, or
# one rate a locus, weights are those of a random subset, and the fit uses all strains.
MOST_FOR_SHARED = 10_000
SUBSET = 4_000


class RKHS(PerPhenotype):
    """Predicts by sums over the training strains, which its state therefore contains.

    Args:
        rates: `shared` has one width for all loci. `locus` has one rate, 1 / width, a locus: for
            two alleles the Gaussian kernel is then the product over loci of a factor for strains
            that differ there, "connectedness" of Zhou et al. 2025 (beside the additive kernel).
    """

    def __init__(self, *, rates: Annotated[Literal["shared", "locus"], NeutralAt("shared")]):
        self.rates = rates

    def fit_one(self, X: np.ndarray, y: np.ndarray) -> dict:
        n = len(X)
        if n > MOST_STRAINS:
            raise TrainingError(
                f"model=rkhs needs a strains x strains matrix: {n} are more than {MOST_STRAINS}. "
                "Use ridge, linear_pairwise or gbdt."
            )
        rng = np.random.default_rng(0)
        shared = self.rates == "shared"
        rows = _subset(rng, n, n if shared and n <= MOST_FOR_SHARED else SUBSET)
        weights = shared_weights if shared else locus_weights
        with part(0, 0.8):
            additive, gaussian, width = weights(X[rows], y[rows] - y[rows].mean())
        covariance = Covariance(X, additive, gaussian, width)
        return {
            "genotypes": X.astype(np.float32),
            "dual": solve(covariance, y - y.mean(), in_single=n > MOST_FOR_SHARED),
            "offset": float(y.mean()),
            "additive": additive,
            "gaussian": gaussian,
            "width": width,
        }

    def operations(self, n: int, n_loci: int) -> float:
        few = SUBSET if n > MOST_FOR_SHARED or self.rates == "locus" else n
        few = min(few, n)
        # Each factorises a kernel, whose making counts as much as 1,500 multiplications an entry.
        likelihoods = USUAL * few**2 * (few / 3 + 1500)
        return likelihoods + (n**3 / 3 if n > few else 0) + n**2 * n_loci

    def predictor(self, state: dict) -> Predictor:
        covariance = Covariance(
            state["genotypes"].astype(np.float64),
            *(state[name] for name in ("additive", "gaussian", "width")),
        )
        return lambda genotypes: state["offset"] + covariance.times(genotypes, state["dual"])


def _subset(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Return `size` random rows of n, in order; all of them where there are no more."""
    return np.sort(rng.choice(n, size, replace=False)) if size < n else np.arange(n)
