"""Differences of a model's predictions when sets of loci are flipped, exact for each strain.

The difference of order k over a set S of loci is the sum over its subsets T of
(-1)^(k - |T|) f(x with T flipped), times the directions of the flips: for one locus f(+) - f(-),
for two f(++) - f(+-) - f(-+) + f(--), whatever the strain's own alleles. A term that lacks any
locus of S cancels, so its mean over strains needs no baseline.
"""

from collections.abc import Callable
from itertools import combinations

import numpy as np

from g2p.explain.background import Background
from g2p.explain.linkage import Linkage

ROWS = 4096  # genotypes predicted at once

Predict = Callable[[np.ndarray], np.ndarray]  # (n, L) to (n, P)


class Differences:
    """Differences over sets of K loci each, for any of the background's strains.

    Args:
        predict: of the model.
        background: the strains.
        linkage: what is flipped together with a locus; by the same step, in the direction of the
            correlation, where it has not that allele already.
        sets: (M, K) loci; no two of a set may share a linked locus.
    """

    def __init__(
        self, predict: Predict, background: Background, linkage: Linkage, sets: np.ndarray
    ):
        self.predict, self.background, self.linkage, self.sets = predict, background, linkage, sets
        self.loci, within = np.unique(sets, return_inverse=True)
        within = within.reshape(sets.shape)
        order = sets.shape[1]
        subsets: list[np.ndarray] = []  # of each size, (n, size) positions among the loci
        self.terms, self.signs = [], []  # of each column: which evaluation, and its sign
        start = 1  # the strain itself is evaluation 0
        for size in range(1, order + 1):
            columns = list(combinations(range(order), size))
            stacked = np.sort(np.concatenate([within[:, c] for c in columns]), axis=1)
            unique, index = np.unique(stacked, axis=0, return_inverse=True)
            for which in np.split(index.ravel() + start, len(columns)):
                self.terms.append(which)
                self.signs.append((-1) ** (order - size))
            subsets.append(unique)
            start += len(unique)
        self.subsets, self.evaluations = subsets, start

    def of(self, strains: np.ndarray) -> np.ndarray:
        """Return the differences (n, M, P) of some strains of the background."""
        genotypes = np.concatenate([self._flipped(strain) for strain in strains])
        predicted = in_blocks(self.predict, genotypes)
        f = predicted.reshape(len(strains), self.evaluations, -1)
        difference = np.repeat((-1) ** self.sets.shape[1] * f[:, :1], len(self.sets), axis=1)
        for term, sign in zip(self.terms, self.signs, strict=True):
            difference += sign * f[:, term]
        direction = self.background.direction[strains][:, self.sets].prod(axis=2)
        return difference * direction[:, :, None]

    def _flipped(self, strain: int) -> np.ndarray:
        """Return one strain (evaluations, L): as it is, then with each subset of loci flipped."""
        calls = self.background.calls[strain]
        changes = np.zeros((len(self.loci), len(calls)), calls.dtype)
        for i, locus in enumerate(self.loci):
            linked, sign = self.linkage.of(locus)
            step = sign * self.background.direction[strain, locus] * self.background.step
            changes[i, linked] = (calls[linked] + step).clip(-1, 1) - calls[linked]
        parts = [calls[None]]
        for subset in self.subsets:
            parts.append(calls + sum(changes[subset[:, c]] for c in range(subset.shape[1])))
        return np.concatenate(parts)


def in_blocks(predict: Predict, genotypes: np.ndarray) -> np.ndarray:
    """Return predictions (n, P) of genotypes (n, L), a block of strains at a time."""
    starts = range(0, len(genotypes), ROWS)
    return np.concatenate([predict(genotypes[start : start + ROWS]) for start in starts])
