"""The weights and widths of RKHS regression that maximise the restricted likelihood.

With C = a K_additive + b K_gaussian + I of n strains, centred phenotypes z and alpha = C^-1 z:
-2 log L = log det C + (n - 1) log s2, s2 = z' alpha / (n - 1). The kernels are centred, so the
mean's direction has variance 1 in C and adds nothing.
"""

from collections.abc import Callable
from itertools import count

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri  # pyright: ignore[reportAttributeAccessIssue]  # of Fortran
from scipy.optimize import OptimizeResult, minimize

from g2p.baselines.rkhs_covariance import additive_scale, squared_distances
from g2p.core.progress import part, report

# a, b and width, one or (L,).
Weights = tuple[float, float, float | np.ndarray]

LOG_WEIGHT = (-9, 9)
LOG_STRETCH = (-3, 3)  # of the width, from the median squared distance
LOG_RATE = (-9, 6)  # of a locus, from the typical one
STEPS = 60  # with one rate a locus
FEW = 1_000  # strains that try where to start
STARTS = ((1, 1), (10, 1), (10, 0.3))  # b, and all rates relative to the typical one
USUAL = 100  # evaluations of a likelihood until its maximum; 50 to 250


def shared_weights(X: np.ndarray, z: np.ndarray) -> Weights:
    """Return a, b and one width for all loci, from X (n, L) and centred phenotypes z (n,)."""
    n = len(X)
    additive = _additive_kernel(X)
    distance = squared_distances(X, X)
    width = _typical(distance)

    def minus_twice_log_likelihood(parameters: np.ndarray) -> float:
        a, b = np.exp(parameters[:2])
        gaussian = _centred(np.exp(-distance / (width * np.exp(parameters[2]))))
        covariance = a * additive + b * gaussian + np.eye(n)
        lower = cho_factor(covariance, lower=True, overwrite_a=True)
        s2 = z @ cho_solve(lower, z) / (n - 1)
        return 2 * np.log(np.diag(lower[0])).sum() + (n - 1) * np.log(s2)

    best = _minimise(
        minus_twice_log_likelihood, [0.0, 0.0, 0.0], [LOG_WEIGHT, LOG_WEIGHT, LOG_STRETCH],
        tol=1e-7,
    )  # fmt: skip
    a, b, stretch = np.exp(best.x)
    return float(a), float(b), float(width * stretch)


def locus_weights(X: np.ndarray, z: np.ndarray) -> Weights:
    """Return a, b and widths (L,), one a locus, found by the likelihood's gradient.

    The likelihood has several maxima, and plateaus between them; which one is reached depends on
    where it starts. A sample of the strains tries several starts, at little cost, and the best is
    that of all strains, too: where the sample arrived is none, since there the rates of most loci
    are so low that they have no gradient.
    """
    n, n_loci = X.shape
    log_rate = -np.log(_typical(squared_distances(X, X)))
    bounds = [LOG_WEIGHT] * 2 + [(log_rate + LOG_RATE[0], log_rate + LOG_RATE[1])] * n_loci

    def climb(rows: slice, start: np.ndarray) -> OptimizeResult:
        of_rows = z[rows] - z[rows].mean()
        return _minimise(locus_likelihood(X[rows], of_rows), start, bounds, jac=True,
                         options={"maxiter": STEPS})  # fmt: skip

    starts = [np.r_[0, np.log(b), np.full(n_loci, log_rate + np.log(rate))] for b, rate in STARTS]
    shares = np.linspace(0, 0.1 if n > FEW else 1, len(STARTS) + 1)
    tried = []
    for start, *span in zip(starts, shares[:-1], shares[1:], strict=True):
        with part(*span):
            tried.append(climb(slice(None, None, -(-n // FEW)), start))
    highest = np.argmin([result.fun for result in tried])
    best = tried[highest]
    if n > FEW:
        with part(0.1, 1):
            best = climb(slice(None), starts[highest])
    a, b, *rates = np.exp(best.x)
    return float(a), float(b), 1 / np.array(rates)


def locus_likelihood(X: np.ndarray, z: np.ndarray) -> Callable:
    """Return the function of (log a, log b, log rates) to minimise, and of its gradient.

    The derivative by C is G = C^-1 - alpha alpha' / s2; that by a locus's rate follows from it and
    from K's own, -K (x - x')^2, without another matrix strains x strains.
    """
    n = len(X)
    additive = _additive_kernel(X)
    squares = np.square(X)

    def value_and_gradient(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        a, b, rates = np.exp(parameters[0]), np.exp(parameters[1]), np.exp(parameters[2:])
        scaled = X * np.sqrt(rates)
        kernel = np.exp(-squared_distances(scaled, scaled))
        gaussian = _centred(kernel.copy())
        covariance = a * additive + b * gaussian + np.eye(n)
        lower, _ = cho_factor(covariance.T, lower=True, overwrite_a=True)
        alpha = cho_solve((lower, True), z)
        s2 = z @ alpha / (n - 1)
        value = 2 * np.log(np.diag(lower)).sum() + (n - 1) * np.log(s2)

        inverse, _ = dpotri(lower, lower=1, overwrite_c=1)
        G = np.tril(inverse)
        G += np.tril(inverse, -1).T
        G -= np.outer(alpha, alpha / s2)
        by_a, by_b = a * np.vdot(G, additive), b * np.vdot(G, gaussian)
        G = _centred(G)
        G *= kernel
        # Of each locus: sum over i, j of G_ij (x_i - x_j)^2.
        spread = 2 * (G.sum(axis=1) @ squares - (X * (G @ X)).sum(axis=0))
        return value, np.concatenate([[by_a, by_b], -b * rates * spread])

    return value_and_gradient


def _minimise(function: Callable, start, bounds: list, **options) -> OptimizeResult:
    """Return the function's minimum."""
    evaluations = count(1)

    def counted(parameters: np.ndarray):
        result = function(parameters)
        report(min(next(evaluations) / USUAL, 1))
        return result

    return minimize(counted, x0=start, method="L-BFGS-B", bounds=bounds, **options)


def _typical(distance: np.ndarray) -> float:
    return np.median(distance) or distance.mean() or 1.0  # many strains may be alike


def _additive_kernel(X: np.ndarray) -> np.ndarray:
    centred = X - X.mean(axis=0)
    return centred @ centred.T / additive_scale(centred)


def _centred(matrix: np.ndarray) -> np.ndarray:
    """Centre a symmetric matrix in place, by row and by column."""
    matrix -= matrix.mean(axis=0)
    matrix -= matrix.mean(axis=1, keepdims=True)
    return matrix
