"""How good predictions are, for each phenotype, on the strains that were observed."""

from typing import NamedTuple

import numpy as np


class Scores(NamedTuple):
    """R2, Pearson r and observed strains by phenotype, (P,); mean squared error of all values."""

    r2: np.ndarray
    pearson: np.ndarray
    n: np.ndarray
    loss: float

    def named(self, phenotypes: list[str]) -> dict:
        """As plain values, by phenotype, the way metrics.json holds them."""

        def by_phenotype(values: np.ndarray) -> dict:
            return dict(zip(phenotypes, values.tolist(), strict=True))

        return {
            "r2": by_phenotype(self.r2),
            "r2_mean": float(self.r2.mean()),
            "pearson": by_phenotype(self.pearson),
            "n": by_phenotype(self.n),
            "loss": self.loss,
        }


def scores(predicted: np.ndarray, observed: np.ndarray) -> Scores:
    """Scores of (N, P) predictions against (N, P) observations with NaN where missing.

    R2 is the coefficient of determination, 1 - SSE / SST, around the mean of the observed strains
    (it is negative for predictions worse than that mean). Pearson r of a constant prediction is 0.
    A phenotype needs two different observed values (`g2p.data.prepare` sees to that).
    """
    predicted, observed = predicted.astype(np.float64), observed.astype(np.float64)
    seen = np.isfinite(observed)
    n = seen.sum(axis=0)

    def centred(values: np.ndarray) -> np.ndarray:
        values = np.where(seen, values, 0.0)
        return np.where(seen, values - values.sum(axis=0) / n, 0.0)

    squared_error = np.where(seen, observed - predicted, 0.0) ** 2
    y, f = centred(observed), centred(predicted)
    total = (y**2).sum(axis=0)
    norm = np.sqrt(total * (f**2).sum(axis=0))
    return Scores(
        r2=1 - squared_error.sum(axis=0) / total,
        pearson=(y * f).sum(axis=0) / np.where(norm > 0, norm, np.inf),
        n=n,
        loss=float(squared_error.sum() / seen.sum()),
    )
