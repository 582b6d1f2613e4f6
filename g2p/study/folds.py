"""Folds of a study's runs: the round that one belongs to, what its table has of its values."""

from contextlib import suppress
from dataclasses import astuple

from g2p.config.run_config import RunConfig
from g2p.core.errors import G2PError
from g2p.runs.cross_validation import FOLDS
from g2p.runs.scored_values import scored_values
from g2p.stats.study_folds import VALUES
from g2p.study.expand import StudyRun

CHOOSES_FOLD = {key.rpartition(".")[2] for key in FOLDS}  # options of a split


def round_of(config: RunConfig) -> str:
    """Return what the folds of one round agree in: the split without the fold."""
    return repr({key: value for key, value in config.split.items() if key not in CHOOSES_FOLD})


def fold_values(run: StudyRun) -> dict[str, dict[str, float]]:
    """Return phenotype -> `VALUES` of the test strains of a finished run whose split is a fold.

    Nothing where it is not one, or where its predictions cannot be read: then R2 is not pooled.
    """
    if not CHOOSES_FOLD & set(run.config.split.options):
        return {}
    with suppress(G2PError, OSError):
        return {
            name: dict(zip(VALUES, astuple(values)[1:], strict=True))
            for name, values in scored_values(run.directory).items()
        }
    return {}
