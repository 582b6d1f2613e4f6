"""The strains whose loci are flipped, and what a flip means in a panel's coding.

Where genotypes have two values (haploid crosses, inbred lines), a flip replaces one parent's allele
by the other's, and the effect of a locus is f(+) - f(-). Where they have three, a flip is one
allele more, from the strain's own count; a strain that has two already has one less, and its
difference counts with the other sign. Genotypes between the codes (probabilities, imputed means)
are taken as the nearest.
"""

from dataclasses import dataclass

import numpy as np

from g2p.core.errors import DataError
from g2p.data.panel import Panel, missing_genotypes
from g2p.data.preprocess import Prepared

HETEROZYGOUS = 0.05  # share of genotypes nearest to 0 from which on a panel has three
UNCLEAR = 0.25  # a genotype further than this from -1, 0 and 1 is no call;
MOST_UNCLEAR = 0.2  # nor is a panel with a larger share of them one of calls


@dataclass(frozen=True, eq=False)
class Background:
    """Strains as the model sees them, and the step of a flip.

    Attributes:
        rows: (B,), of the prepared data.
        calls: (B, L) float32, each -1 or 1, or each -1, 0 or 1.
        direction: (B, L), 1 where a flip adds to the code, -1 where it takes away.
        step: how much: 2 of two values, 1 of three.
        meaning: of a flip, for the user.
    """

    rows: np.ndarray
    calls: np.ndarray
    direction: np.ndarray
    step: int
    meaning: str

    def first(self, strains: int | None) -> "Background":
        """Return the same with the first so many strains."""
        rows, calls, direction = (a[:strains] for a in (self.rows, self.calls, self.direction))
        return Background(rows, calls, direction, self.step, self.meaning)


def choose_background(data: Prepared, panel: Panel, strains: int, seed: int) -> Background:
    """Return at most `strains` of the validation and test strains, drawn at random.

    Args:
        data: of the run.
        panel: that it was prepared from; which genotypes it has, before imputation.
        strains: at most so many.
        seed: of the draw.

    Raises:
        DataError: where genotypes are no calls, so that a flip has no meaning.
    """
    rows = np.unique(np.concatenate([data.split["val"], data.split["test"]]))
    if strains < len(rows):
        rows = np.sort(np.random.default_rng(seed).choice(rows, strains, replace=False))
    genotypes = data.genotypes[rows].astype(np.float32)
    read = panel.genotypes[np.ix_(rows, data.panel_columns)]
    read = read[~missing_genotypes(read)].astype(np.float32)
    unclear = np.mean(np.abs(read - np.rint(read)) > UNCLEAR) if read.size else 0.0
    if not read.size or np.mean(np.rint(read) == 0) <= HETEROZYGOUS:
        calls = np.where(genotypes > 0, np.float32(1), np.float32(-1))
        direction, step = -calls, 2
        meaning = "one parent's allele replaced by the other's (from -1 to 1)"
    elif unclear > MOST_UNCLEAR:
        raise DataError(
            f"{unclear:.0%} of the genotypes lie between the codes -1, 0 and 1: they are no calls, "
            "and a flip has no meaning."
        )
    else:
        calls, step = np.rint(genotypes), 1
        direction = np.where(calls < 1, np.float32(1), np.float32(-1))
        meaning = "one copy more of allele 1 (from -1 to 0, or from 0 to 1)"
    return Background(rows, calls, direction, step, meaning)
