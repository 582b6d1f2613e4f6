"""Tests of the pairs that a model proposes, on strains that it never saw.

The model proposes pairs from what it learned on training strains; each is tested on the test
strains by a regression of the phenotype on all loci and all proposed products. Given the genotypes
the proposals do not depend on the test phenotypes, so each p is valid however the model was
trained. p is twice that of the one-sided test in the direction that the model found: a two-sided p
in which a pair with the other sign counts for nothing. Standard errors are HC3 (MacKinnon and White
1985, Journal of Econometrics 29:305), since noise may depend on the phenotype. q is of Benjamini
and Hochberg (1995) over all phenotypes.
"""

import numpy as np
from scipy import linalg, stats

from g2p.explain.linkage import Linkage

SMALLEST = 1e-9  # share of variance, below which a pair is a rounding error
INDEPENDENT = 1e-6  # of a product's length, what must remain beside the other columns


def propose(share: np.ndarray, pairs: np.ndarray, linkage: Linkage, most: int) -> np.ndarray:
    """Return which of the pairs (M, 2) are proposed, the strongest first, at most `most`.

    A pair is passed over if a stronger one has loci linked with both of its own: the two could not
    be told apart.

    Args:
        share: (M,), of the phenotype's variance, by the model.
        pairs: of loci.
        linkage: of loci that cannot be told apart.
        most: fixed before the model is looked at.
    """
    proposed: list[int] = []
    for candidate in np.argsort(-share, kind="stable"):
        if len(proposed) == most or share[candidate] < SMALLEST:
            break
        if not linkage.match(pairs[candidate], pairs[proposed]).any():
            proposed.append(int(candidate))
    return np.array(proposed, dtype=int)


def directed_p(
    y: np.ndarray, loci: np.ndarray, pairs: np.ndarray, direction: np.ndarray, additive: np.ndarray
) -> tuple[np.ndarray, str]:
    """Return p (m,) of each of the proposed pairs, and what it is given.

    Args:
        y: (n,) phenotype of the test strains.
        loci: (n, L) their genotypes.
        pairs: (m, 2) columns of them.
        direction: (m,), 1 or -1: the sign that the model found.
        additive: (n,) an additive prediction, fitted on training strains; it stands for the other
            loci where there are too many for a regression.
    """
    products = loci[:, pairs[:, 0]] * loci[:, pairs[:, 1]]
    constant = np.ones((len(y), 1))
    few = np.column_stack([constant, additive, loci[:, np.unique(pairs)]])
    for fixed, condition in (
        (np.column_stack([constant, loci]), "all loci and the other pairs"),
        (few, "the additive prediction, and the loci and products of all pairs"),
    ):
        if len(y) >= 2 * (fixed.shape[1] + products.shape[1]):
            return _p(y, fixed, products, direction), condition
    alone = [
        _p(y, np.column_stack([constant, additive, loci[:, pair]]), product[:, None], sign[None])
        for pair, product, sign in zip(pairs, products.T, direction, strict=True)
    ]
    return np.concatenate(alone), "the additive prediction, and the pair's own loci"


def _p(y: np.ndarray, fixed: np.ndarray, tested: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return twice the one-sided p of each tested column (n, m), given the fixed ones (n, k)."""
    basis, singular, _ = np.linalg.svd(fixed, full_matrices=False)
    basis = basis[:, singular > singular[0] * 1e-10]
    length = np.linalg.norm(tested, axis=0)
    columns = tested - basis @ (basis.T @ tested)
    left = np.linalg.norm(columns, axis=0)
    p = np.ones(len(length))
    able = left > INDEPENDENT * np.where(length > 0, length, 1)
    degrees = len(y) - basis.shape[1] - able.sum()
    if not able.any() or degrees < 1:
        return p
    columns = columns[:, able] / left[able]
    inverse = linalg.pinvh(columns.T @ columns)
    influence = columns @ inverse  # (n, m): coefficients are influence' y
    residual = y - basis @ (basis.T @ y)
    coefficient = influence.T @ residual
    residual -= columns @ coefficient
    leverage = (basis**2).sum(axis=1) + (influence * columns).sum(axis=1)
    weighed = influence * (residual / np.maximum(1 - leverage, 1e-9))[:, None]
    se = np.linalg.norm(weighed, axis=0)
    t = direction[able] * coefficient / np.where(se > 0, se, np.inf)
    p[able] = np.minimum(1, 2 * stats.t.sf(t, degrees))
    return p
