"""How good predictions are, for each phenotype, on the strains that were observed."""

import math
from typing import NamedTuple

import numpy as np


class Scores(NamedTuple):
    """R2, Pearson r and observed strains by phenotype, (P,); mean squared error of all values.

    NaN where a score is undefined: R2 and r of a phenotype without two different observed values
    (the target of a transfer may have none on validation), the loss without any value.
    """

    r2: np.ndarray
    pearson: np.ndarray
    n: np.ndarray
    loss: float

    @property
    def r2_mean(self) -> float:
        """Over the phenotypes that have an R2; NaN where none has."""
        defined = self.r2[np.isfinite(self.r2)]
        return float(defined.mean()) if defined.size else float("nan")

    def named(self, phenotypes: list[str]) -> dict:
        """Return plain values by phenotype, as in metrics.json: null for NaN."""
        return {
            "r2": by_phenotype(phenotypes, self.r2),
            "r2_mean": plain(self.r2_mean),
            "pearson": by_phenotype(phenotypes, self.pearson),
            "n": by_phenotype(phenotypes, self.n),
            "loss": plain(self.loss),
        }


def plain(value: float) -> float | None:
    """Return a score as metrics.json has it: null for NaN."""
    return value if math.isfinite(value) else None


def by_phenotype(phenotypes: list[str], values: np.ndarray) -> dict[str, float | None]:
    """Return the plain value of each phenotype, (P,)."""
    return dict(zip(phenotypes, map(plain, values.tolist()), strict=True))


def scores(predicted: np.ndarray, observed: np.ndarray, fixed: np.ndarray | None = None) -> Scores:
    """Return the scores of (N, P) predictions against (N, P) observations with NaN where missing.

    `fixed` (N, P) is added to both: what was taken out of the phenotypes as covariates' effects.

    R2 is the coefficient of determination, 1 - SSE / SST, around the mean of the observed strains
    (it is negative for predictions worse than that mean). Pearson r of a constant prediction is 0.
    """
    predicted, observed = predicted.astype(np.float64), observed.astype(np.float64)
    if fixed is not None:
        predicted, observed = predicted + fixed, observed + fixed
    is_observed = np.isfinite(observed)
    n = is_observed.sum(axis=0)

    def centred(values: np.ndarray) -> np.ndarray:
        values = np.where(is_observed, values, 0.0)
        return np.where(is_observed, values - values.sum(axis=0) / np.maximum(n, 1), 0.0)

    squared_error = np.where(is_observed, observed - predicted, 0.0) ** 2
    y, f = centred(observed), centred(predicted)
    highest = np.where(is_observed, observed, -np.inf).max(axis=0)
    lowest = np.where(is_observed, observed, np.inf).min(axis=0)
    total = np.where(highest > lowest, (y**2).sum(axis=0), np.nan)
    norm = np.sqrt(total * (f**2).sum(axis=0))
    return Scores(
        r2=1 - squared_error.sum(axis=0) / total,
        pearson=(y * f).sum(axis=0) / np.where(norm == 0, np.inf, norm),
        n=n,
        loss=float(squared_error.sum() / is_observed.sum()) if n.any() else float("nan"),
    )
