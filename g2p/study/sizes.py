"""The numbers that a run's memory and time depend on."""

from typing import NamedTuple

import numpy as np

from g2p.study.expand import StudyRun
from g2p.study.locus_counts import LocusCounts


class Sizes(NamedTuple):
    """Sizes of what a run learns from.

    Attributes:
        n_loci: L, at most: LD pruning may leave fewer.
        n_phenotypes: P.
        n_train, n_val: strains, of training and of validation.
        n_patterns: sets of training strains with a phenotype, of all phenotypes.
    """

    n_loci: int
    n_phenotypes: int
    n_train: int
    n_val: int = 0
    n_patterns: int = 1


def run_sizes(run: StudyRun, loci: LocusCounts) -> Sizes:
    """Return the sizes of a study's run."""
    split = run.make_split()
    columns = [run.panel.phenotype_names.index(name) for name in run.phenotypes]
    is_measured = np.isfinite(run.panel.phenotypes[split["train"]][:, columns])
    n_patterns = len(np.unique(is_measured, axis=1).T)
    return Sizes(loci.of(run), len(columns), len(split["train"]), len(split["val"]), n_patterns)
