"""What pooled R2 needs of a run's predictions, read from its directory."""

import numpy as np
import pyarrow.compute as pc

from g2p.runs.directory import RunDirectory
from g2p.stats.cross_validation import ScoredValues


def scored_values(directory: RunDirectory, subset: str = "test") -> dict[str, ScoredValues]:
    """Return phenotype -> values of the strains of a subset that have it; of others none.

    Raises:
        DamagedRunError: where the predictions cannot be read.
    """
    table = directory.predictions()
    table = table.filter(pc.and_(pc.equal(table["split"], subset), pc.is_valid(table["observed"])))
    phenotype = table["phenotype"].to_numpy(zero_copy_only=False)
    observed, predicted = (np.asarray(table[name]) for name in ("observed", "predicted"))
    return {
        name: ScoredValues.of(observed[phenotype == name], predicted[phenotype == name])
        for name in dict.fromkeys(phenotype)
    }
