"""Linkage disequilibrium: how the correlation of two loci falls with their distance."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from g2p.data.panel import UNKNOWN, missing_genotypes
from g2p.report.panel.genotype_stats import NOTHING, SEED, evenly_spaced, sampled

STRAINS = 1_000  # unlinked loci then have a mean r2 of 0.001 by chance
PAIRS = 100_000
STEPS = 4  # distance bins to a factor of ten
FEWEST_PAIRS = 10  # of a bin that is shown
BLOCK = 512  # pairs worked on at once


@dataclass(frozen=True, eq=False)
class Decay:
    """Linkage disequilibrium by distance.

    Attributes:
        distance: (bins,) middle of each bin, bp; evenly spaced in its logarithm.
        r2: (bins,) mean squared correlation of pairs of loci on one chromosome.
        pairs: (bins,) number of pairs.
        between: mean r2 of loci on different chromosomes; NaN where there is only one.
        strains: number of strains used.
    """

    distance: np.ndarray
    r2: np.ndarray
    pairs: np.ndarray
    between: float
    strains: int


def decay(genotypes: np.ndarray, loci: pa.Table) -> Decay | None:
    """Compute mean r2 by distance, over a sample of strains and pairs; None for too few pairs.

    Args:
        genotypes: (N, L), see `Panel`.
        loci: the locus table, of which chromosome and position (bp) are used.
    """
    if UNKNOWN in loci["chromosome"].to_pylist():
        return None
    chromosome = np.unique(loci["chromosome"].to_pylist(), return_inverse=True)[1]
    position = loci["position"].to_numpy().astype(np.float64)
    edges = _edges(chromosome, position)
    if edges is None:
        return None
    rng = np.random.default_rng(SEED)
    n_loci = len(position)
    first = evenly_spaced(n_loci, PAIRS // (len(edges) - 1))
    left, right, which = pairs_by_distance(chromosome, position, first, edges, rng)
    apart = rng.integers(n_loci, size=(2, PAIRS // 10))
    apart = apart[:, chromosome[apart[0]] != chromosome[apart[1]]]
    rows = sampled(len(genotypes), STRAINS)
    # Only the loci that are in a pair are read, each once.
    loci, rows_read = np.unique(np.concatenate([left, right, *apart]), return_inverse=True)
    values = np.ascontiguousarray(genotypes[np.ix_(rows, loci)].T)
    left, right, *apart = np.split(rows_read, np.cumsum([len(left), len(left), apart.shape[1]]))
    r2 = squared_correlation(values, left, right)
    finite = np.isfinite(r2)
    pairs = np.bincount(which[finite], minlength=len(edges) - 1)
    total = np.bincount(which[finite], r2[finite], minlength=len(edges) - 1)
    shown = pairs >= FEWEST_PAIRS
    if not shown.any():
        return None
    between = squared_correlation(values, *apart)
    between = between[np.isfinite(between)]
    return Decay(
        distance=np.sqrt(edges[:-1] * edges[1:])[shown],
        r2=total[shown] / pairs[shown],
        pairs=pairs[shown],
        between=between.mean() if len(between) else np.nan,
        strains=len(rows),
    )


def _edges(chromosome: np.ndarray, position: np.ndarray) -> np.ndarray | None:
    """Return edges of distance bins that hold every pair; middles are 1, 10, ... and between."""
    order = np.lexsort((position, chromosome))
    gaps = np.diff(position[order])[np.diff(chromosome[order]) == 0]
    if not (gaps > 0).any():
        return None
    spans = [np.ptp(position[chromosome == c]) for c in np.unique(chromosome)]
    steps = np.round(STEPS * np.log10([gaps[gaps > 0].min(), max(spans)])).astype(int)
    return 10 ** ((np.arange(steps[0], steps[1] + 2) - 0.5) / STEPS)


def pairs_by_distance(
    chromosome: np.ndarray, position: np.ndarray, first: np.ndarray, edges: np.ndarray, rng
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw for each locus of `first` and each bin one locus that lies as far to the right, if any.

    Drawn by bin, because among pairs drawn at random hardly any would be close.

    Returns:
        The two loci of each pair, and the index of its bin.
    """
    order = np.lexsort((position, chromosome))
    # Chromosomes laid end to end, so far apart that no bin reaches the next.
    apart = np.ptp(position) + edges[-1] + 1
    line = (position + chromosome * apart)[order]
    origin = line[np.argsort(order)[first]][:, None]
    low, high = (np.searchsorted(line, origin + e) for e in (edges[:-1], edges[1:]))
    chosen = low + np.floor(rng.random(low.shape) * (high - low)).astype(int)
    locus, which = np.nonzero(high > low)
    return first[locus], order[chosen[locus, which]], which


def squared_correlation(values: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Compute r2 of pairs of rows of `values` (loci, strains), over the strains called at both.

    NaN where one of the two does not vary among them.
    """
    r2 = np.full(len(left), np.nan)
    for start in range(0, len(left), BLOCK):
        block = slice(start, start + BLOCK)
        x, y = values[left[block]], values[right[block]]
        called = ~(missing_genotypes(x) | missing_genotypes(y))
        x, y = (np.where(called, v, 0).astype(np.float64) for v in (x, y))
        n = np.maximum(called.sum(axis=1), 1)
        xy, xx, yy = (
            np.einsum("ps,ps->p", a, b) / n - a.sum(axis=1) * b.sum(axis=1) / n**2
            for a, b in ((x, y), (x, x), (y, y))
        )
        varies = (xx > NOTHING) & (yy > NOTHING)
        np.divide(xy**2, xx * yy, out=r2[block], where=varies)
    return r2
