"""How many loci the models of a study learn from: what a dry run's estimates depend on most."""

import json

from g2p.config.run_config import RunConfig
from g2p.data.genotype_cache import prune_genotypes
from g2p.study.expand import StudyRun

MOST_GENOTYPES = 50_000_000  # of a panel: LD pruning of more takes longer than a dry run should


class LocusCounts:
    """Loci after cleaning and LD pruning, counted once for runs that differ in their split alone.

    Of a panel too large to be pruned for an estimate it is the number before pruning: an upper
    bound.
    """

    def __init__(self) -> None:
        self._counted: dict[str, int] = {}

    def of(self, run: StudyRun) -> int:
        """Return L of a run, of the split of the first run like it."""
        data = run.config.data
        if data.max_correlation is None or run.panel.genotypes.size > MOST_GENOTYPES:
            return len(run.panel.loci)
        key = _key(run.config)
        if key not in self._counted:
            result = prune_genotypes(
                run.panel, run.make_split(), run.config.qc, data.max_correlation, data.loci_from
            )
            self._counted[key] = len(result.loci)
        return self._counted[key]


def _key(config: RunConfig) -> str:
    """What the loci of a run depend on, but for which strains are for training."""
    return json.dumps([config.data.to_dict(), config.qc.to_dict(), config.split.name])
