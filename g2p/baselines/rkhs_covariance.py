"""The covariance of RKHS regression between strains, and the system of equations of its fit.

Nothing here but the matrix that is factorised has the size strains x strains.
"""

from collections.abc import Iterator

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import cho_factor, cho_solve

BLOCK = 1024  # strains worked on at once
REFINEMENTS = 5
PRECISE = 1e-10  # a residual, relative to the phenotypes


class Covariance:
    """a K_additive + b K_gaussian between any strains and the n training strains.

    K_additive is the genomic relationship, scaled to a mean diagonal of 1; K_gaussian is
    exp(-sum over loci (x - x')^2 / width), centred on the training strains' mean.

    Args:
        X: (n, L) genotypes of the training strains.
        additive, gaussian: the weights a and b.
        width: one, or (L,), one a locus.
    """

    def __init__(self, X: np.ndarray, additive: float, gaussian: float, width: float | np.ndarray):
        self.X = X
        self.gaussian = gaussian
        self._mean = X.mean(axis=0)
        self._centred = X - self._mean
        self._additive = additive / additive_scale(self._centred)
        self._width = width
        self._gaussian_mean = np.concatenate(
            [self._kernel(X[rows]).mean(axis=1) for rows in blocks(len(X))]
        )

    def between(self, new: np.ndarray) -> np.ndarray:
        """Return the covariance (m, n) of strains (m, L) with the training strains."""
        kernel = self._kernel(new)
        kernel -= self._gaussian_mean
        kernel -= kernel.mean(axis=1, keepdims=True)
        kernel *= self.gaussian
        kernel += self._additive * ((new - self._mean) @ self._centred.T)
        return kernel

    def times(self, new: np.ndarray, dual: np.ndarray) -> np.ndarray:
        """Return `between(new) @ dual`, (m,)."""
        products = [self.between(new[rows]) @ dual for rows in blocks(len(new))]
        return np.concatenate(products) if products else np.empty(0)

    def _kernel(self, new: np.ndarray) -> np.ndarray:
        if np.ndim(self._width) == 0:  # distances of calls are then exact
            return np.exp(-squared_distances(new, self.X) / self._width)
        root = np.sqrt(self._width)
        return np.exp(-squared_distances(new / root, self.X / root))


def squared_distances(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return the squared distances of all pairs of rows, exactly for calls."""
    distances = -2 * A @ B.T
    distances += np.square(A).sum(axis=1)[:, None]
    distances += np.square(B).sum(axis=1)
    return np.maximum(distances, 0, out=distances)


def additive_scale(centred: np.ndarray) -> float:
    """Return the additive kernel's mean diagonal before scaling; 1 where no locus varies."""
    return np.square(centred).sum() / len(centred) or 1.0


def blocks(n: int) -> Iterator[slice]:
    """Yield slices of `BLOCK` rows, together all of `n`."""
    return (slice(start, start + BLOCK) for start in range(0, n, BLOCK))


def solve(covariance: Covariance, z: np.ndarray, *, in_single: bool) -> np.ndarray:
    """Return (covariance of the training strains + I)^-1 z.

    Args:
        covariance: of the n training strains.
        z: (n,).
        in_single: factorise in single precision, which takes half the memory and time, and refine
            the solution by its residual, computed in double precision. Where the factor is too
            rough for that, as without any noise, double precision is used all the same.
    """
    if not in_single:
        return cho_solve(_factor(covariance, np.float64), z)
    try:
        factor = _factor(covariance, np.float32)
        dual = np.zeros(len(z))
        residual = z
        for _ in range(REFINEMENTS):
            dual += cho_solve(factor, residual.astype(np.float32))
            residual = z - dual - covariance.times(covariance.X, dual)
            if np.linalg.norm(residual) <= PRECISE * np.linalg.norm(z):
                return dual
    except LinAlgError:  # not positive definite, by rounding
        pass
    factor = None
    return solve(covariance, z, in_single=False)


def _factor(covariance: Covariance, dtype: type) -> tuple[np.ndarray, bool]:
    """Return the Cholesky factor of covariance + I, made in the memory of the matrix."""
    n = len(covariance.X)
    matrix = np.empty((n, n), dtype, order="F")
    for rows in blocks(n):
        matrix[:, rows] = covariance.between(covariance.X[rows]).T  # it is symmetric
    matrix[np.diag_indices(n)] += 1
    return cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
