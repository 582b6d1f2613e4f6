"""Values that a study's first seed chooses for all others: `select: {optim.lr: first_seed}`.

All candidates are trained in the first seed, and the one that is best on its validation strains in
the other seeds: with three learning rates and five seeds 7 runs an arm instead of 15.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from g2p.core.errors import G2PError, OptionError
from g2p.core.formatting import format_factors
from g2p.core.phrases import listed
from g2p.study.design import Study
from g2p.study.expand import StudyRun
from g2p.study.ledger import study_status
from g2p.study.parts import Parts
from g2p.study.selection import mean_r2


def needed_runs(
    study: Study, runs: Sequence[StudyRun], parts: Parts
) -> tuple[list[StudyRun], set[str]]:
    """Return the runs of the first seed, and of the others those with the values that it chose.

    Until all candidates of the first seed have ended, the first of them stands for the choice.

    Args:
        study: says what is chosen, and by which seed.
        runs: of the study, with every candidate in every seed.
        parts: has the results of runs that are finished elsewhere.

    Returns:
        The runs, and the signatures of those that stand for a choice which is still open. Where
        no seed chooses for others, all runs, and none.

    Raises:
        OptionError: for a run of another seed that the first has none for.
    """
    select, first_seed = study.select, study.first_seed
    if first_seed is None:
        return list(runs), set()
    candidates: dict[tuple, dict[tuple, float | None]] = {}
    for run in runs:
        if run.config.seed == first_seed:
            score = _validation_r2(run, parts)
            for factors in run.point_factors:
                slot = candidates.setdefault(_slot(run, factors, select), {})
                slot[_values(factors, select)] = score
    needed, undecided = [], set()
    for run in runs:
        if run.config.seed == first_seed:
            needed.append(run)
            continue
        points = []
        for factors in run.point_factors:
            scores = candidates.get(_slot(run, factors, select))
            if scores is None:
                raise OptionError(
                    f"select: {listed(select)} cannot be chosen by seed {first_seed}, which has no "
                    f"run like {format_factors(factors)}."
                )
            if _values(factors, select) == _choice(scores):
                points.append(factors)
                if None in scores.values():
                    undecided.add(run.signature)
        if points:
            needed.append(replace(run, point_factors=points))
    return needed, undecided


def _validation_r2(run: StudyRun, parts: Parts) -> float | None:
    """Return a run's mean validation R2; -inf of a failed one, None of one that has not ended."""
    state = study_status(run.directory).state
    if state == "done":
        with suppress(G2PError):  # damaged: collecting reports it
            return mean_r2(run.directory.metrics()["val"]["r2"].values())
        return -float("inf")
    if parts.signature_of(run.signature):
        cells = parts.cells(run.signature, ["r2"])
        return mean_r2(row["r2"] for (_, split), row in cells.items() if split == "val")
    return -float("inf") if state == "failed" else None


def _choice(scores: Mapping[tuple, float | None]) -> tuple:
    """Return the best candidate; the first where one has not ended."""
    ended = {values: score for values, score in scores.items() if score is not None}
    return max(ended, key=ended.__getitem__) if len(ended) == len(scores) else next(iter(scores))


def _values(factors: Mapping, select: Sequence[str]) -> tuple:
    return tuple(factors[name] for name in select)


def _slot(run: StudyRun, factors: Mapping, select: Sequence[str]) -> tuple:
    """Return what the candidates for one place in the study share: all else but the seed."""
    constant = {k: v for k, v in factors.items() if k not in (*select, "seed", "phenotypes")}
    return (*constant.items(), *run.phenotypes)
