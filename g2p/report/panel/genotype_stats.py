"""Statistics of a panel: call rates, allele frequencies, relatedness, phenotypes.

Every function takes genotypes as in `Panel`, which may be a map of a file larger than memory: all
strains are read once, in blocks of rows; what costs more than that uses a sample. A sample is the
same at each call, and the result contains its size.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from g2p.data.panel import BLOCK, missing_genotypes

SEED = 0  # of every sample
RELATED_STRAINS = 500
RELATED_LOCI = 2_000
# Variances below this are rounding: a single call among 10^6 strains makes 4e-6.
NOTHING = 1e-9


def sampled(count: int, most: int) -> np.ndarray:
    """Draw at most `most` of `count` at random, ascending."""
    chosen = np.random.default_rng(SEED).choice(count, min(count, most), replace=False)
    return np.sort(chosen)


def evenly_spaced(count: int, most: int) -> np.ndarray:
    """Return at most `most` of `count`, evenly spaced from the first to the last."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


@dataclass(frozen=True, eq=False)
class Calls:
    """Call rates and allele frequencies, over all strains and loci.

    Attributes:
        missing_by_locus: (L,) share of strains. missing_by_strain: (N,) share of loci.
        frequency: (L,) of the allele coded 1; NaN where nothing is called.
    """

    missing_by_locus: np.ndarray
    missing_by_strain: np.ndarray
    frequency: np.ndarray

    @property
    def minor(self) -> np.ndarray:
        """Frequency of the rarer allele, of the loci that are called at all."""
        finite = self.frequency[np.isfinite(self.frequency)]
        return np.minimum(finite, 1 - finite)


def calls(genotypes: np.ndarray) -> Calls:
    """Count calls and alleles in one pass over all genotypes."""
    n_strains, n_loci = genotypes.shape
    n_called, total = np.zeros(n_loci), np.zeros(n_loci)
    by_strain = np.empty(n_strains)
    for start in range(0, n_strains, BLOCK):
        block = genotypes[start : start + BLOCK]
        missing = missing_genotypes(block)
        by_strain[start : start + BLOCK] = missing.mean(axis=1)
        n_called += len(block) - missing.sum(axis=0)
        total += np.where(missing, 0, block).sum(axis=0, dtype=np.float64)
    mean = np.divide(total, n_called, out=np.full(n_loci, np.nan), where=n_called > 0)
    return Calls(1 - n_called / n_strains, by_strain, (mean + 1) / 2)


def relationship(genotypes: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the genomic relationship of the strains `rows` by the loci `columns`, (n, n).

    Z Z' over its mean diagonal, Z the genotypes less the locus mean, 0 where missing (the first
    method of VanRaden 2008, J Dairy Sci 91:4414, scaled by what was observed and not by
    Hardy-Weinberg, which haploids and inbred lines do not follow). Zeros where no locus varies.
    """
    matrix = np.zeros((len(rows), len(rows)))
    for start in range(0, len(columns), BLOCK):
        block = genotypes[np.ix_(rows, columns[start : start + BLOCK])]
        called = ~missing_genotypes(block)
        Z = np.where(called, block, 0).astype(np.float64)
        Z = np.where(called, Z - Z.sum(axis=0) / np.maximum(called.sum(axis=0), 1), 0)
        matrix += Z @ Z.T
    scale = np.trace(matrix) / max(len(rows), 1)
    return matrix / scale if scale > NOTHING else np.zeros_like(matrix)


@dataclass(frozen=True, eq=False)
class Relatedness:
    """Strains ordered by resemblance, and their relationships.

    Attributes:
        rows: (n,) of the panel, in the order of a hierarchical clustering.
        matrix: (n, n) their `relationship`.
        loci: number of loci used.
    """

    rows: np.ndarray
    matrix: np.ndarray
    loci: int

    @property
    def pairs(self) -> np.ndarray:
        """The relationship of each two strains."""
        return self.matrix[np.triu_indices(len(self.matrix), 1)]

    @property
    def first_axis(self) -> float:
        """Share of the genomic variance along its first principal axis."""
        return float(np.linalg.eigvalsh(self.matrix)[-1] / np.trace(self.matrix))


def relatedness(genotypes: np.ndarray) -> Relatedness | None:
    """Return a sample's relatedness by a sample of loci; None for one strain or no variation."""
    rows = sampled(len(genotypes), RELATED_STRAINS)
    columns = evenly_spaced(genotypes.shape[1], RELATED_LOCI)
    matrix = relationship(genotypes, rows, columns)
    if len(rows) < 2 or not matrix.any():
        return None
    distance = squareform(matrix.max() - matrix, checks=False)
    order = leaves_list(linkage(distance, "average"))
    return Relatedness(rows[order], matrix[np.ix_(order, order)], len(columns))


def moments(values: np.ndarray) -> dict[str, float]:
    """Return mean, sd, min and max of one phenotype's values without NaN; NaN where unknown.

    sd is the sample's, over n - 1.
    """
    finite = pd.Series(values[np.isfinite(values)])
    return {"mean": finite.mean(), "sd": finite.std(), "min": finite.min(), "max": finite.max()}
