"""The values of the staircase: R2 by step, what each step changes, and its updates to escape.

In: a study whose arms are compared step by step (a ladder) or each with the same one (an
ablation), and its effects. Out: rows of two quantities, `test_r2` and `updates`.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from g2p.report.study.results_view import StudyData, group_by, is_number
from g2p.report.study.values import SAME, error_of_arm, interval_ends, repeat_of
from g2p.stats.compare import Effect
from g2p.stats.comparison import text_of
from g2p.stats.escape import EscapeRun, curve_of_runs, escape_runs
from g2p.stats.reference_checks import ridge_references

QUARTILES = {"quartile_low": 0.25, "median": 0.5, "quartile_high": 0.75}


@dataclass(frozen=True)
class Steps:
    """The arms of a staircase.

    Attributes:
        arms: that are steps, in the study's order.
        references: the other arms, all of baselines: lines beside the steps.
        effects: arm -> the effect of the step that leads to it.
        start: the arm with which every other one is compared; None in a ladder.
    """

    arms: tuple[str, ...]
    references: tuple[str, ...]
    effects: Mapping[str, Effect]
    start: str | None


def find_steps(
    data: StudyData, effects: Sequence[Effect], baseline_arms: Collection[str]
) -> Steps | None:
    """Return the study's steps; None where its comparisons are neither a ladder nor an ablation.

    Either has at least two comparisons over all of the study's runs.
    """
    pairs = {}
    for effect in effects:
        c = effect.comparison
        if c.arm == data.arm and c.within is None and not c.trend:
            pairs[text_of(c.a), text_of(c.b)] = effect
    is_ladder = all(b == a for (_, b), (a, _) in itertools.pairwise(pairs))
    starts = {a for a, _ in pairs}
    if len(pairs) < 2 or not (is_ladder or len(starts) == 1) or starts & set(baseline_arms):
        return None
    compared = starts | {b for _, b in pairs}
    references = [arm for arm in data.arms if arm in baseline_arms and arm not in compared]
    return Steps(
        arms=tuple(arm for arm in data.arms if arm not in references),
        references=tuple(references),
        effects={b: effect for (_, b), effect in pairs.items()},
        start=None if is_ladder else starts.pop(),
    )


def staircase_values(data: StudyData, steps: Steps) -> list[dict]:
    """All drawn values: R2 of replicates, their means and errors, reference lines, updates."""
    return [*_r2_values(data, steps), *_reference_values(data, steps), *_escape_values(data, steps)]


def _row(kind: str, quantity: str, value: float, arm: str | None = None, **more) -> dict:
    cells = {"kind": kind, "quantity": quantity, "arm": arm, "value": value}
    empty = dict.fromkeys(("seed", "runs", "change_in_test_r2", "stars", "signature"))
    return cells | empty | more


def _r2_values(data: StudyData, steps: Steps) -> list[dict]:
    """R2 over the compared phenotypes; a replicate is a seed, a fold or the like."""
    rows = [row for row in data.rows if row["phenotype"] in data.compared]
    by_arm = group_by(rows, data.arm_of)
    repeat = repeat_of(data)
    values = []
    for arm in steps.arms:
        if arm not in data.means:
            continue
        for of_repeat in group_by(by_arm[arm], repeat).values():
            scores = {row["phenotype"]: row["r2"] for row in of_repeat}
            if scores.keys() >= set(data.compared):
                r2 = fmean(scores[name] for name in data.compared)
                values.append(_row("replicate", "test_r2", r2, arm, seed=of_repeat[0]["seed"]))
        effect = steps.effects.get(arm)
        change = effect.mean if effect and is_number(effect.mean) else None
        stars = effect.stars if effect else None
        runs = len({row["signature"] for row in by_arm[arm]})
        mean = data.means[arm]
        values.append(
            _row("mean", "test_r2", mean, arm, runs=runs, change_in_test_r2=change, stars=stars)
        )
        ends = interval_ends(mean, error_of_arm(data, by_arm[arm], data.compared))
        values += [_row(kind, "test_r2", r2, arm) for kind, r2 in ends.items()]
    return values


def _reference_values(data: StudyData, steps: Steps) -> list[dict]:
    """Baseline arms, and ridge beside the runs of each split where it is no arm itself."""
    values = [
        _row("reference", "test_r2", data.means[arm], arm)
        for arm in steps.references if arm in data.means
    ]  # fmt: skip
    cells = [cell for one in ridge_references(data.table) for cell in one.r2.items()]
    by_phenotype = group_by(cells, lambda cell: cell[0])
    if data.compared and all(name in by_phenotype for name in data.compared):
        ridge = fmean(fmean(r2 for _, r2 in by_phenotype[name]) for name in data.compared)
        if all(abs(row["value"] - ridge) > SAME for row in values):
            values.append(_row("reference", "test_r2", ridge, "ridge"))
    return values


def _escape_values(data: StudyData, steps: Steps) -> list[dict]:
    """Updates to escape of each run, or those it had; median and quartiles of each step.

    A quartile or median that the runs' updates do not reach has no row; an arm whose median they
    do not reach has a row `beyond` of the most updates that its runs had. Updates that all runs
    have in common are their `budget`.
    """
    facts = group_by(data.runs, lambda run: run.arm)
    runs_of = {arm: escape_runs(run.facts for run in runs) for arm, runs in facts.items()}
    seeds = {run.key: run.facts["seed"] for run in data.runs}
    values = [
        row for arm in steps.arms if runs_of[arm] for row in _escape_of(arm, runs_of[arm], seeds)
    ]
    budgets = {run.trained_for for arm in steps.arms for run in runs_of[arm]}
    return [*values, *[_row("budget", "updates", each) for each in budgets if len(budgets) == 1]]


def _escape_of(arm: str, runs: Sequence[EscapeRun], seeds: Mapping[str, int]) -> list[dict]:
    values = []
    for run in runs:
        facts = {"seed": seeds[run.signature], "signature": run.signature}
        if run.escaped_at is None:
            values.append(_row("censored", "updates", run.trained_for, arm, **facts))
        else:
            values.append(_row("escape", "updates", run.escaped_at, arm, **facts))
    curve = curve_of_runs(runs)
    for kind, share in QUARTILES.items():
        updates = curve.quantile(share)
        if updates is not None:
            values.append(_row(kind, "updates", updates, arm, runs=curve.runs))
    if curve.median is None:
        most = max(run.trained_for for run in runs)
        values.append(_row("beyond", "updates", most, arm, runs=curve.runs))
    return values
