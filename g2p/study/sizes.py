"""The numbers that a run's memory and time depend on."""

from typing import NamedTuple

from g2p.study.expand import StudyRun
from g2p.study.locus_counts import LocusCounts


class Sizes(NamedTuple):
    """Sizes of what a run learns from.

    Attributes:
        n_loci: L, at most: LD pruning may leave fewer.
        n_phenotypes: P.
        n_train, n_val: strains, of training and of validation.
    """

    n_loci: int
    n_phenotypes: int
    n_train: int
    n_val: int = 0


def run_sizes(run: StudyRun, loci: LocusCounts) -> Sizes:
    """Return the sizes of a study's run."""
    split = run.make_split()
    return Sizes(loci.of(run), len(run.phenotypes), len(split["train"]), len(split["val"]))
