"""Variance into additive, pairwise and higher: increments of R2 in nested regressions on loci.

Linkage makes any other split ambiguous: what two linked loci share belongs to neither. Each R2 is
adjusted for its number of columns. Additive is that of all loci, pairwise what products of pairs
add; higher is the rest of a prediction, which has no noise, and of a phenotype what the model's
prediction adds.
"""

import numpy as np
from scipy import linalg

COMPONENTS = ("additive", "pairwise", "higher")
BLOCK = 2048  # strains worked on at once
COLUMNS_PER_STRAIN = 1 / 3  # at most, of a regression


def of_predictions(predicted: np.ndarray, genotypes: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the shares (3, P) of predictions (n, P) at genotypes (n, L), NaN where not estimable.

    Args:
        pairs: (M, 2), the strongest first; of more than a third of the strains, the first.
    """
    n, n_loci = genotypes.shape
    pairs = pairs[: max(0, int(n * COLUMNS_PER_STRAIN) - n_loci)]
    additive = adjusted_r2(predicted, genotypes, pairs[:0])
    both = adjusted_r2(predicted, genotypes, pairs)
    return np.stack([additive, np.maximum(both - additive, 0), np.maximum(1 - both, 0)])


def of_phenotype(
    y: np.ndarray, predicted: np.ndarray, genotypes: np.ndarray, pairs: np.ndarray
) -> np.ndarray:
    """Return the shares (3,) of a phenotype (n,) of test strains, NaN where not estimable.

    Args:
        predicted: (n,), by the model.
        genotypes: (n, L).
        pairs: (m, 2), proposed from training strains.
    """
    if (genotypes.shape[1] + len(pairs)) > len(y) * COLUMNS_PER_STRAIN:
        return np.full(3, np.nan)
    column = predicted[:, None]
    steps = [
        adjusted_r2(y[:, None], genotypes, pairs[:0])[0],
        adjusted_r2(y[:, None], genotypes, pairs)[0],
        adjusted_r2(y[:, None], genotypes, pairs, column)[0],
    ]
    return np.maximum(np.diff([0.0, *steps]), 0)


def adjusted_r2(
    y: np.ndarray, genotypes: np.ndarray, pairs: np.ndarray, more: np.ndarray | None = None
) -> np.ndarray:
    """Return the adjusted R2 (P,) of least squares of y (n, P) on loci, products and `more`."""
    n = len(y)
    more = np.empty((n, 0)) if more is None else more

    def columns(rows: slice) -> np.ndarray:
        X = genotypes[rows].astype(np.float64)
        return np.hstack([X, X[:, pairs[:, 0]] * X[:, pairs[:, 1]], more[rows]])

    blocks = [slice(start, start + BLOCK) for start in range(0, n, BLOCK)]
    centre = np.sum([columns(rows).sum(axis=0) for rows in blocks], axis=0) / n
    y = y - y.mean(axis=0)
    gram, product = np.zeros((len(centre), len(centre))), np.zeros((len(centre), y.shape[1]))
    for rows in blocks:
        Z = columns(rows) - centre
        gram += Z.T @ Z
        product += Z.T @ y[rows]
    scale = np.sqrt(np.diag(gram))
    varies = scale > 1e-9 * max(scale.max(), 1e-300)
    if not varies.any() or n - varies.sum() < 2:
        return np.full(y.shape[1], np.nan if varies.any() else 0.0)
    gram = gram[np.ix_(varies, varies)] / np.outer(scale[varies], scale[varies])
    product = product[varies] / scale[varies][:, None]
    # A little ridge: linked loci, and products of a locus that hardly varies, may be collinear.
    gram[np.diag_indices_from(gram)] += 1e-9
    explained = (product * linalg.solve(gram, product, assume_a="pos")).sum(axis=0)
    total = (y**2).sum(axis=0)
    r2 = explained / np.where(total > 0, total, np.inf)
    return 1 - (1 - r2) * (n - 1) / (n - varies.sum() - 1)
