"""The penalty of ridge regression that maximises the restricted likelihood of one phenotype."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

# Range of penalties: this many e-folds either side of a typical eigenvalue of the Gram matrix. The
# ends are heritabilities of practically 1 and 0.
PENALTY_RANGE = 12.0


def maximise_likelihood(
    log_det: Callable[[float], float], unexplained: Callable[[float], float], degrees: int,
    typical: float,
) -> float:  # fmt: skip
    """Return the penalty alpha at the highest restricted likelihood (Kang et al. 2008).

    y is normal with variance s2 V, V = X X' / alpha + 1, beside fixed effects; s2 is profiled out.

    Args:
        log_det: of alpha, the logarithm of V's determinant.
        unexplained: of alpha, the square of y, fixed effects projected out, in the metric of V.
        degrees: of freedom, strains less fixed effects.
        typical: an eigenvalue of X X', around which alpha is searched.
    """

    def minus_twice_log_likelihood(log_alpha: float) -> float:
        alpha = np.exp(log_alpha)
        return log_det(alpha) + degrees * np.log(unexplained(alpha) / degrees)

    bounds = np.log(typical) - PENALTY_RANGE, np.log(typical) + PENALTY_RANGE
    # scipy has no types.
    return float(np.exp(minimize_scalar(minus_twice_log_likelihood, bounds=bounds).x))  # pyright: ignore[reportAttributeAccessIssue]
