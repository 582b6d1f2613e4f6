"""Ridge's normal equations of many phenotypes, as products with blocks of genotypes alone."""

from collections.abc import Iterator

import numpy as np

from g2p.baselines.krylov import as_tensor

BLOCK = 128  # strains, or loci, that are numbers of 4 bytes at a time
FEWEST = 32  # strains in a block that few vectors are multiplied with


class NormalEquations:
    """A = X'X (loci x loci), or X X' (strains x strains) where that is smaller, and its b.

    Of each phenotype p, rows of X are those of its strains times the root of their weights, with
    the fixed effects F projected out. Nothing of X is stored.

    Attributes:
        in_strains: whether A is strains x strains.
        start: (P, size) float32, b: X'y, or y.
        trace, size: (P,), of A and how many eigenvalues it has beside those that are 0 always.
        typical: (P,), the mean of these eigenvalues; 1 where no locus varies.
        degrees, sum_of_squares: (P,), of y, fixed effects projected out.
    """

    def __init__(
        self, genotypes: np.ndarray, phenotypes: np.ndarray, covariates: np.ndarray,
        weights: np.ndarray | None,
    ):  # fmt: skip
        """See `g2p.baselines.large_ridge.fit_large_ridge` for the arguments."""
        is_observed = np.isfinite(phenotypes)
        self.rows = np.flatnonzero(is_observed.any(axis=1))
        self.genotypes = genotypes
        is_observed = is_observed[self.rows]
        w = np.where(is_observed, 1.0 if weights is None else weights[self.rows], 0.0)
        self.covariate_means = covariates[self.rows].mean(axis=0)
        self.fixed = np.column_stack(
            [np.ones(len(self.rows)), covariates[self.rows] - self.covariate_means]
        )
        gram = [self.fixed.T * each @ self.fixed for each in w.T]
        # (P, c, c): F'WF inverse.
        self.inverse = np.stack([np.linalg.pinv(each, hermitian=True) for each in gram])
        y = np.where(is_observed, phenotypes[self.rows], 0.0)
        # (P, c): the fixed effects where genotypes have none.
        self.alone = np.einsum("pcd,nd,np->pc", self.inverse, self.fixed, w * y)
        left = y - self.fixed @ self.alone.T
        self.sum_of_squares = (w * left**2).sum(axis=0)
        rank = np.array([np.linalg.matrix_rank(each, hermitian=True) for each in gram])
        self.degrees = is_observed.sum(axis=0) - rank
        n_loci = genotypes.shape[1]
        self.in_strains = len(self.rows) < n_loci
        self.size = self.degrees if self.in_strains else np.full(len(rank), n_loci)
        self.root = np.sqrt(w).astype(np.float32)
        self._read_genotypes()
        y = self.root * left
        self.start = (y if self.in_strains else self._transposed_times(self.root * y)).T
        self.start = np.ascontiguousarray(self.start, np.float32)

    def _read_genotypes(self) -> None:
        """Compute what needs the genotypes once: their means, X'WF of each phenotype, the traces.

        The means of loci are taken out of every block: products then lose no digits to the mean.
        """
        n, n_loci = len(self.rows), self.genotypes.shape[1]
        self.centre = np.zeros(n_loci)
        for _, block in self._blocks_of_strains(centred=False):
            self.centre += block.sum(0).double().numpy()
        self.centre /= n
        squares = np.empty(n)
        for rows, block in self._blocks_of_strains():
            squares[rows] = block.square().sum(1).numpy()
        w = self.root.astype(float) ** 2
        fixed = (w[:, :, None] * self.fixed[:, None, :]).reshape(n, -1)
        # (P, c, L).
        self.crossed = self._transposed_times(fixed).T.reshape(w.shape[1], -1, n_loci).copy()
        inside = np.einsum("pcl,pcd,pdl->p", self.crossed, self.inverse, self.crossed)
        self.trace = squares @ w - inside
        varies = self.trace > 0
        self.typical = np.divide(self.trace, self.size, out=np.ones(len(varies)), where=varies)

    def times(self, vectors: np.ndarray) -> np.ndarray:
        """Return A v of vectors (K, size), where A is that of the phenotypes in turn."""
        of = np.arange(len(vectors)) % len(self.start)
        return (self._times_strains if self.in_strains else self._times_loci)(vectors, of)

    def _times_loci(self, vectors: np.ndarray, of: np.ndarray) -> np.ndarray:
        # Vectors are rows throughout: matrix products are up to twice as fast as with columns.
        vectors_KL, weights_KN = as_tensor(vectors), as_tensor(self.root.T[of] ** 2)
        total = vectors_KL.new_zeros(vectors_KL.shape)
        # Few vectors leave a large block little arithmetic for what it moves through the caches.
        for rows, block in self._blocks_of_strains(BLOCK if len(of) > BLOCK / 2 else FEWEST):
            # In place: a sum of its own would be as large again.
            total.addmm_((vectors_KL @ block.T) * weights_KN[:, rows], block)
        product = total.numpy()
        for k, p in enumerate(of):
            along = self.inverse[p] @ (self.crossed[p] @ vectors[k])
            product[k] -= along.astype(np.float32) @ self.crossed[p]
        return product

    def _times_strains(self, vectors: np.ndarray, of: np.ndarray) -> np.ndarray:
        root_KN = self.root.T[of]
        weighted_KN = as_tensor(root_KN * vectors)
        total = weighted_KN.new_zeros(weighted_KN.shape)
        for block in self._blocks_of_loci():
            total.addmm_(weighted_KN @ block, block.T)
        product = root_KN * total.numpy()
        for k, p in enumerate(of):
            fixed = self.root[:, p, None] * self.fixed
            product[k] -= fixed @ (self.inverse[p] @ (fixed.T @ product[k]))
        return product

    def probe(self, rng: np.random.Generator, number: int) -> np.ndarray:
        """Return random signs (number, size), less the fixed effects where they are of strains.

        They are for the phenotypes in turn, as in `times`.
        """
        length = len(self.rows) if self.in_strains else self.genotypes.shape[1]
        signs = rng.choice([-1.0, 1.0], (number, length))
        if self.in_strains:
            for k, sign in enumerate(signs):
                p = k % len(self.start)
                fixed = self.root[:, p, None] * self.fixed
                sign *= self.root[:, p] > 0
                sign -= fixed @ (self.inverse[p] @ (fixed.T @ sign))
        return signs.astype(np.float32)

    def weight(self, solved: np.ndarray) -> np.ndarray:
        """Return ridge's weights (P, L) from solutions (P, size) of (A + alpha) v = b."""
        if not self.in_strains:
            return solved
        return self._transposed_times(self.root * solved.T).T.astype(float)

    def fixed_effects(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return offsets (P,) and effects of covariates (P, C) beside weights (P, L)."""
        beside = np.einsum("pcd,pdl,pl->pc", self.inverse, self.crossed, weight)
        effects = self.alone - beside
        means = effects[:, 1:] @ self.covariate_means + weight @ self.centre
        return effects[:, 0] - means, effects[:, 1:]

    def _transposed_times(self, columns: np.ndarray) -> np.ndarray:
        """Return the genotypes' transpose times columns (n, K), float32."""
        columns = columns.astype(np.float32)
        total = as_tensor(np.zeros((self.genotypes.shape[1], columns.shape[1]), np.float32))
        for rows, block in self._blocks_of_strains():
            total.addmm_(block.T, as_tensor(columns[rows]))
        return total.numpy()

    def _blocks_of_strains(self, most: int = BLOCK, centred: bool = True) -> Iterator[tuple]:
        """Yield which of the strains a block has, and their genotypes, (<= most, L).

        All blocks are the same memory: new memory for each would take as long as the arithmetic.
        """
        centre = as_tensor(self.centre.astype(np.float32))
        block = as_tensor(np.empty((most, self.genotypes.shape[1]), np.float32))
        for first in range(0, len(self.rows), most):
            rows = slice(first, min(first + most, len(self.rows)))
            some = block[: rows.stop - first]
            some.copy_(as_tensor(self.genotypes[self.rows[rows]]))
            yield rows, some.sub_(centre) if centred else some

    def _blocks_of_loci(self) -> Iterator:
        """Yield the genotypes of all strains at some loci, (n, <= BLOCK)."""
        centre = as_tensor(self.centre.astype(np.float32))
        for first in range(0, self.genotypes.shape[1], BLOCK):
            loci = slice(first, first + BLOCK)
            yield as_tensor(self.genotypes[:, loci][self.rows]).float().sub_(centre[loci])
