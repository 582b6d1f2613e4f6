"""Independent loci: thinning by correlation, without the L x L matrix."""

import numpy as np

# Loci compared with the kept ones in one matrix product.
BLOCK = 512


def independent_loci(genotypes: np.ndarray, max_correlation: float) -> np.ndarray:
    """Columns kept by the greedy rule of Rijal et al. 2025, in genome order.

    A locus is kept if its |r| with every locus kept before it is at most `max_correlation`. A locus
    that does not vary has no correlation; it counts as 0.

    Args:
        genotypes: (N, L), of the strains that may be looked at.
        max_correlation: in [0, 1].

    For called genotypes (integers) all sums are exact in float32 (N < 2^24) and the comparison is
    made on them without a division, so the answer does not depend on how the work is cut.
    """
    exact = np.issubdtype(genotypes.dtype, np.integer)
    values = genotypes.astype(np.float32 if exact else np.float64)
    n_strains = len(values)
    sums = values.sum(axis=0, dtype=np.float64)
    spread = n_strains * np.square(values, dtype=np.float64).sum(axis=0) - sums**2  # n^2 variance

    def too_close(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """(left, right): whether |r| exceeds the threshold, for two sets of columns."""
        products = (values[:, left].T @ values[:, right]).astype(np.float64)
        covariance = n_strains * products - np.outer(sums[left], sums[right])
        return covariance**2 > max_correlation**2 * np.outer(spread[left], spread[right])

    kept = np.empty(0, dtype=np.intp)
    for start in range(0, genotypes.shape[1], BLOCK):
        block = np.arange(start, min(start + BLOCK, genotypes.shape[1]))
        block = block[~too_close(kept, block).any(axis=0)]
        close = too_close(block, block)
        out = np.zeros(len(block), dtype=bool)
        for i in range(len(block)):
            if not out[i]:
                out[i + 1 :] |= close[i, i + 1 :]
        kept = np.concatenate([kept, block[~out]])
    return kept
