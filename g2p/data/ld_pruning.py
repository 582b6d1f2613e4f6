"""LD pruning: loci with low pairwise correlation, without the L x L matrix."""

from dataclasses import dataclass

import numpy as np

# Loci read, and compared with as many accepted ones, at once: memory is bounded by N x this.
BLOCK = 512


def ld_prune(
    genotypes: np.ndarray,
    max_correlation: float,
    rows: np.ndarray | None = None,
    columns: np.ndarray | None = None,
) -> np.ndarray:
    """Return the columns that the greedy rule of Rijal et al. 2025 accepts, in genome order.

    A locus is accepted if its |r| with every locus accepted before it is at most
    `max_correlation`. A locus that does not vary has no correlation; it counts as 0.

    For called genotypes (integers) all sums are exact in float32 (N < 2^24) and the comparison is
    made on them without a division, so the answer does not depend on how the work is cut.

    Args:
        genotypes: (N, L), nothing missing; may be a map of a file larger than memory.
        max_correlation: in [0, 1].
        rows: the strains that may be looked at; None: all.
        columns: the loci to choose from, ascending; None: all.
    """
    rows = np.arange(genotypes.shape[0]) if rows is None else np.sort(rows)
    columns = np.arange(genotypes.shape[1]) if columns is None else columns
    accepted = _Loci.of(genotypes, rows, columns[:0])
    for start in range(0, len(columns), BLOCK):
        block = _Loci.of(genotypes, rows, columns[start : start + BLOCK])
        for first in range(0, len(accepted.columns), BLOCK):
            earlier = accepted.some(slice(first, first + BLOCK))
            block = block.some(~np.any(_too_close(earlier, block, max_correlation), axis=0))
        close = _too_close(block, block, max_correlation)
        out = np.zeros(len(block.columns), dtype=bool)
        for i in range(len(out)):
            if not out[i]:
                out[i + 1 :] |= close[i, i + 1 :]
        accepted = accepted.and_then(block.some(~out))
    return accepted.columns


@dataclass(frozen=True, eq=False)
class _Loci:
    """K columns in memory, in the genotypes' own small type, with their sums.

    Attributes:
        columns: (K,), of the genotypes.
        values: (n, K).
        sums: (K,). spread: (K,), n^2 times the variance.
    """

    columns: np.ndarray
    values: np.ndarray
    sums: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, genotypes: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> "_Loci":
        values = genotypes[rows[:, None], columns]
        numbers = _numbers(values)
        sums = numbers.sum(axis=0, dtype=np.float64)
        squares = np.square(numbers, out=numbers).sum(axis=0, dtype=np.float64)
        return cls(columns, values, sums, len(rows) * squares - sums**2)

    def some(self, which: slice | np.ndarray) -> "_Loci":
        return _Loci(
            self.columns[which], self.values[:, which], self.sums[which], self.spread[which]
        )

    def and_then(self, other: "_Loci") -> "_Loci":
        return _Loci(
            np.concatenate([self.columns, other.columns]),
            np.concatenate([self.values, other.values], axis=1),
            np.concatenate([self.sums, other.sums]),
            np.concatenate([self.spread, other.spread]),
        )


def _numbers(values: np.ndarray) -> np.ndarray:
    exact = np.issubdtype(values.dtype, np.integer)
    return values.astype(np.float32 if exact else np.float64)


def _too_close(left: _Loci, right: _Loci, max_correlation: float) -> np.ndarray:
    """(left, right): whether |r| exceeds the threshold."""
    products = (_numbers(left.values).T @ _numbers(right.values)).astype(np.float64)
    covariance = len(left.values) * products - np.outer(left.sums, right.sums)
    return covariance**2 > max_correlation**2 * np.outer(left.spread, right.spread)
