"""The numbers that a run's memory and time depend on."""

from typing import NamedTuple

import numpy as np

from g2p.data.preprocess import only_subset
from g2p.data.split import Split
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
    n_phenotypes = len(run.phenotypes)
    n_train, n_val = len(split["train"]), len(split["val"])
    return Sizes(loci.of(run), n_phenotypes, n_train, n_val, _n_patterns(run, split))


def _n_patterns(run: StudyRun, split: Split) -> int:
    """Return how many sets of training strains its phenotypes have, or weights of these."""
    data = run.config.data
    if data.weights != "none":
        return len(run.phenotypes)
    if data.missing == "drop_strain" or len(run.phenotypes) == 1:
        return 1
    columns = [run.panel.phenotype_names.index(name) for name in run.phenotypes]
    learned = only_subset(run.panel.phenotypes, split, "train")[split["train"]]
    return len(np.unique(np.isfinite(learned[:, columns]), axis=1).T)
