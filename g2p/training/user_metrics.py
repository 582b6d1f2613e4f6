"""Scores of a user's own, beside R2 and Pearson r: functions named my_pkg.metrics.mine."""

import math
from numbers import Real
from typing import Annotated

import numpy as np

from g2p.config.constraints import UserCode
from g2p.config.load_component import load_component
from g2p.core.errors import CodeError
from g2p.core.phrases import listed

TAKEN = ("r2", "r2_mean", "pearson", "n", "loss")  # by g2p.training.metrics.Scores


def user_scores(
    predicted: np.ndarray,
    observed: np.ndarray,
    phenotypes: list[str],
    *,
    metrics: Annotated[list, UserCode("metric")],
) -> dict[str, dict[str, float | None]]:
    """Return the name of each function -> its score by phenotype; null where that is undefined.

    A function is called with the predictions and the observations of one phenotype, (n,) float64
    in original units, of the strains that have an observation.

    Args:
        predicted: (N, P), in original units.
        observed: (N, P), likewise; NaN where missing.
        phenotypes: the P names.
        metrics: of the functions, by module and name.

    Raises:
        CodeError: for one that returns no number, or has the name of a score that exists.
    """
    table = {}
    for name in metrics:
        function, label = load_component(name), name.rpartition(".")[2]
        if label in TAKEN:
            raise CodeError(f"{name}: {listed(TAKEN)} are scores already. Rename the function.")
        columns = zip(phenotypes, predicted.T, observed.T, strict=True)
        table[label] = {p: _score(name, function, f[np.isfinite(y)], y[np.isfinite(y)])
                        for p, f, y in columns}  # fmt: skip
    return table


def _score(name: str, function, predicted: np.ndarray, observed: np.ndarray) -> float | None:
    if not observed.size:
        return None
    value = function(predicted.astype(np.float64), observed.astype(np.float64))
    if not isinstance(value, Real | np.number):
        raise CodeError(f"{name} returns {type(value).__name__}; it must return a number.")
    return float(value) if math.isfinite(value) else None
