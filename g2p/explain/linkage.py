"""Linked loci: which are flipped together, and which cannot be told apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from g2p.data.locus_positions import UNPLACED


@dataclass(frozen=True, eq=False)
class Linkage:
    """Pairs of loci on one chromosome whose |r| is at least a threshold, each locus with itself.

    Attributes:
        locus, other: (links,), ordered by locus; each link is there in both directions.
        sign: (links,), 1 or -1, of their correlation.
        n_loci: L.
    """

    locus: np.ndarray
    other: np.ndarray
    sign: np.ndarray
    n_loci: int

    def of(self, locus: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the loci linked with one, itself among them, and the signs."""
        first, last = np.searchsorted(self.locus, [locus, locus + 1])
        return self.other[first:last], self.sign[first:last]

    @property
    def sizes(self) -> np.ndarray:
        """(L,), how many loci are linked with each, itself among them."""
        return np.bincount(self.locus, minlength=self.n_loci)

    def are_linked(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return whether loci of two arrays are linked, element by element."""
        codes = self.locus * self.n_loci + self.other  # ascending
        wanted = first * self.n_loci + second
        position = np.searchsorted(codes, wanted).clip(max=len(codes) - 1)
        return codes[position] == wanted

    def match(self, pair: Sequence[int] | np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return which of other pairs (n, 2) have loci linked with both of a pair's."""
        first, second = (self.are_linked(np.array([locus]), others) for locus in pair)
        return np.any(first & second[:, ::-1], axis=1)


def linked_loci(genotypes: np.ndarray, chromosomes: list[str], threshold: float | None) -> Linkage:
    """Find linked loci of genotypes (n, L); none where `threshold` is None.

    A locus that does not vary, or whose chromosome is unknown, is linked with itself alone.
    """
    n_loci = genotypes.shape[1]
    names = np.array(chromosomes)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for name in dict.fromkeys(chromosomes):
        columns = np.flatnonzero(names == name)
        if threshold is None or name in UNPLACED:
            parts.append((columns, columns, np.ones(len(columns), int)))
            continue
        values = genotypes[:, columns].astype(np.float64)
        values -= values.mean(axis=0)
        spread = np.sqrt((values**2).sum(axis=0))
        values /= np.where(spread > 0, spread, 1)
        r = values.T @ values
        np.fill_diagonal(r, 1)
        first, second = np.nonzero(np.abs(r) >= threshold)
        parts.append((columns[first], columns[second], np.sign(r[first, second]).astype(int)))
    locus, other, sign = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((other, locus))
    return Linkage(locus[order], other[order], sign[order], n_loci)
