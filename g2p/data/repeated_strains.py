"""Strains with the genotypes of another strain: often one strain that was measured again."""

import numpy as np

from g2p.core.phrases import plural
from g2p.data.split import Split

# What may be chance: this share of the test strains, and any number where loci are few.
MOST_TWINS, FEWEST_LOCI = 0.01, 30


def find_repeated(digests: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return which strains have the genotypes of an earlier one.

    Args:
        digests: (N,), of each strain's genotypes.
        inside: (N,) bool, the strains that are looked at.
    """
    rows = np.flatnonzero(inside)
    repeated = np.zeros(len(digests), bool)
    repeated[rows] = True
    repeated[rows[np.unique(digests[rows], return_index=True)[1]]] = False
    return repeated


def twins_note(digests: np.ndarray, split: Split, n_loci: int) -> str | None:
    """Return a sentence on test strains with the genotypes of a training strain, if many have.

    A model that remembers strains scores well on these, whatever it learned of loci.
    """
    test = np.setdiff1d(split["test"], split["train"])  # some splits are of values, not strains
    twins = int(np.isin(digests[test], digests[split["train"]]).sum())
    if n_loci < FEWEST_LOCI or twins <= MOST_TWINS * len(test):
        return None
    return (
        f"warning: {twins:,} of {plural(len(test), 'test strain')} have the genotypes of a "
        "training strain. If these are one strain measured twice, R2 says little of new strains: "
        "qc.duplicates=drop takes the first of them, split=group holds out whole groups."
    )
