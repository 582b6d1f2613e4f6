"""How long the runs of a study take, network or closed form, as far as this machine can tell."""

from collections.abc import Sequence

from g2p.config.run_config import RunConfig
from g2p.config.user_components import closed_forms_of
from g2p.study.expand import StudyRun
from g2p.study.fit_time import fit_seconds, is_short
from g2p.study.locus_counts import LocusCounts
from g2p.study.sizes import Sizes, run_sizes
from g2p.study.time_left import Expected
from g2p.study.training_time import training_seconds
from g2p.training.closed_form_effects import LASSO

RUN_SECONDS = 0.5  # of reading its data, scoring and writing, whatever the model


def run_seconds(config: RunConfig, sizes: Sizes) -> float | None:
    """Estimate the seconds of a run if patience does not end it; None where this machine cannot."""
    model = config.model
    seconds = [training_seconds(config, sizes) if model.is_trained else fit_seconds(model, sizes)]
    # Ridge, which stands beside every run, is fitted once for all runs of a split; lasso is not.
    if model.is_trained and "lasso" in closed_forms_of(model) and not is_short(sizes):
        seconds.append(fit_seconds(LASSO, sizes))
    estimates = [each for each in seconds if each is not None]
    return RUN_SECONDS + sum(estimates) if len(estimates) == len(seconds) else None


def expected_times(runs: Sequence[StudyRun]) -> dict[str, Expected]:
    """Return signature -> what is known of each run's time, without timing where all are alike."""
    loci = LocusCounts()
    sizes = [run_sizes(run, loci) for run in runs]
    kinds = [(repr(run.config.model), repr(run.config.trainer), *size)
             for run, size in zip(runs, sizes, strict=True)]  # fmt: skip
    is_timed = len(set(kinds)) > 1
    return {
        run.signature: Expected(
            kind, run.config.model.name, run_seconds(run.config, size) if is_timed else None
        )
        for run, kind, size in zip(runs, kinds, sizes, strict=True)
    }
