"""Lanczos' method: a large symmetric matrix, known by its products, as small tridiagonal ones."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.linalg import eigh_tridiagonal

CHUNK = 16  # vectors that are stored as one
ROUNDING = 1e-6  # of float32: by less than this share a step adds nothing


class Lanczos:
    """The Krylov spaces of K start vectors, each with its own matrix A, side by side.

    Attributes:
        norm: (K,), of the start vectors.
        diagonal: (K, steps), of A in the space of the vectors so far, which is tridiagonal.
        beyond: (K, steps), the length of what each step added to the space; off the diagonal.
    """

    def __init__(self, start: np.ndarray):
        """Begin with start vectors (K, size), float32."""
        self.norm = np.linalg.norm(start.astype(float), axis=1)
        self.last = _scaled(start, self.norm)
        self.n_stored = 0
        self.chunks = []  # tensors (K, <= CHUNK, size): one a step would be slow to go through
        self._store()
        self.diagonal, self.beyond = np.empty((2, len(start), 0))

    @property
    def steps(self) -> int:
        return self.diagonal.shape[1]

    def step(self, times: Callable[[np.ndarray], np.ndarray]) -> None:
        """Enlarge each space by one vector, with the products (K, size) of A and vectors."""
        product = times(self.last)
        diagonal = np.einsum("ks,ks->k", product, self.last, dtype=float)
        left = as_tensor(product)[:, :, None]
        for _ in range(2):  # vectors lose their right angles to earlier ones; twice is enough
            for chunk in self._filled():
                left -= chunk.mT @ (chunk @ left)
        product = left[:, :, 0].numpy()
        beyond = np.linalg.norm(product.astype(float), axis=1)
        beyond[beyond < ROUNDING * np.abs(diagonal)] = 0  # the space is complete
        self.last = _scaled(product, beyond)
        self.diagonal = np.column_stack([self.diagonal, diagonal])
        self.beyond = np.column_stack([self.beyond, beyond])
        self._store()

    def _store(self) -> None:
        K, size = self.last.shape
        if self.n_stored % CHUNK == 0:
            self.chunks.append(as_tensor(np.empty((K, CHUNK, size), np.float32)))
        self.chunks[-1][:, self.n_stored % CHUNK] = as_tensor(self.last)
        self.n_stored += 1

    def _filled(self) -> Iterator:
        """Yield the vectors stored so far, (K, <= CHUNK, size) at a time."""
        for first, chunk in zip(range(0, self.n_stored, CHUNK), self.chunks, strict=True):
            yield chunk[:, : self.n_stored - first]

    def spectrum(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return eigenvalues (steps,), none below 0, and eigenvectors of A in the space of k."""
        values, vectors = eigh_tridiagonal(self.diagonal[k], self.beyond[k, :-1])
        return np.maximum(values, 0), vectors

    def combine(self, k: int, coefficients: np.ndarray) -> np.ndarray:
        """Return the sum of k's vectors times coefficients (steps,), (size,) float64."""
        parts = [chunk[k].double().numpy() for chunk in self._filled()]
        return coefficients @ np.concatenate(parts)[: len(coefficients)]


def as_tensor(array: np.ndarray):
    """Return an array as a tensor with the same memory, where it is contiguous."""
    import torch  # seconds that a small ridge does not pay

    return torch.from_numpy(np.ascontiguousarray(array))


def _scaled(vectors: np.ndarray, norm: np.ndarray) -> np.ndarray:
    """Return vectors (K, size) of length 1, of length 0 where `norm` (K,) is."""
    inverse = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
    return vectors * inverse[:, None].astype(np.float32)
