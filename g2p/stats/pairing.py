"""Pairs of runs: the arms of a comparison are values of one column of a study's results table.

In: the results table, one row for each run x phenotype x split, with every factor of the study and
`phenotype, seed, split, r2, signature` among its columns. Out: differences in test R2 between runs
that agree in phenotype, seed and whatever else they are paired by.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan
from statistics import fmean
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from g2p.config.registry import is_baseline
from g2p.core.errors import OptionError
from g2p.core.phrases import listed, nearest
from g2p.stats.comparison import Comparison, text_of

# Columns about a row's run and its results; every other column is a factor of the study.
FACTS = (
    "phenotype", "seed", "split", "r2", "pearson", "n", "n_train", "seconds", "signature", "status",
    "error", "noise_ceiling", "ridge_r2", "num_parameters", "peak_memory", "flops", "energy",
    "versions", "git_commit", "git_dirty", "device", "ended", "updates", "escape_updates",
    "plateau", "selected", "same_panel", "same_setting", "same_split", "same_round", "model_name",
    "observed_mean", "observed_variance", "squared_error",
)  # fmt: skip


@dataclass(frozen=True)
class Pairs:
    """Contrasts of test R2: differences b - a, or the changes along a trend.

    A pair is two runs that agree in phenotype, seed and the factors of `by`; of a trend it is a
    run for each of its values.

    Attributes:
        differences: by phenotype, one for each complete pair of runs; no phenotype is empty.
        splits: by phenotype, the identity of the split of each of these pairs.
        test_share: by phenotype, test strains for each training strain, mean over the runs of these
            pairs; NaN where that is not known of all.
        seeds: how many different seeds the complete pairs have.
        left_out: pairs of which a run is missing, failed or not done yet.
        joint: whether one run predicts several phenotypes, so that pair i is the same in all.
        trained_once: the arms whose one trained run is in every pair, so that its luck is, too.
        unequal: complete pairs whose runs were scored on different numbers of strains.
        same: complete pairs of a run with itself.
    """

    differences: dict[str, list[float]]
    splits: dict[str, list[Hashable]]
    test_share: dict[str, float]
    seeds: int
    left_out: int
    joint: bool
    trained_once: list
    unequal: int
    same: int

    @property
    def total(self) -> int:
        return sum(map(len, self.differences.values()))

    @property
    def resampled(self) -> bool:
        """Whether the pairs are of several splits (folds, say) of one panel."""
        return len({split for splits in self.splits.values() for split in splits}) > 1


def pair_runs(table: pa.Table, comparison: Comparison) -> Pairs:
    """Pair the runs of a comparison's arms.

    An arm with one run for all seeds (ridge) is paired with every seed of the others.

    Args:
        table: the study's results.
        comparison: of values of its columns.

    Raises:
        OptionError: for a column or value that does not exist, an arm that is compared with itself,
            or where `by` leaves several runs of an arm with one phenotype and seed.
    """
    arm, within = comparison.arm, comparison.within
    for column in (arm, *comparison.by, *([within] if within else [])):
        _check(column, table.column_names, "column of the study's results")
    weights = comparison.weights
    if len(weights) < 2:
        raise OptionError(f"{arm}={text_of(comparison.a)} is compared with itself.")
    for value in weights:
        _check_value(table, arm, value)
    if within:
        _check_value(table, within, comparison.level)
        table = table.filter(_equals(table[within], comparison.level))
    arms = [_read(table, arm, value, comparison.by) for value in weights]
    differences: dict[str, list[float]] = {}
    splits: dict[str, list[Hashable]] = {}
    shares: dict[str, list[float]] = {}
    seeds, left_out, unequal, same = set(), 0, 0, 0
    for cell in dict.fromkeys(cell for side in arms for cell in side.cells):
        cell_seeds = {
            seed for side in arms if not side.single for seed in side.cells.get(cell, ())
        } or {None}  # all arms are single: one pair, of no seed
        for seed in sorted(cell_seeds, key=lambda seed: (seed is None, seed)):
            scores = [score for side in arms if (score := side.score(cell, seed))]
            if len(scores) < len(arms):
                left_out += 1
                continue
            r2 = (weight * score.r2 for weight, score in zip(weights.values(), scores, strict=True))
            differences.setdefault(cell[0], []).append(sum(r2))
            pair_splits = {score.split for score in scores}  # several where splits are compared
            split = pair_splits.pop() if len(pair_splits) == 1 else None
            splits.setdefault(cell[0], []).append(split)
            shares.setdefault(cell[0], []).extend(score.test_share for score in scores)
            seeds.add(seed)
            unequal += len({score.n for score in scores}) > 1
            same += len({score.run for score in scores}) == 1
    return Pairs(
        differences=differences,
        splits=splits,
        test_share={phenotype: fmean(values) for phenotype, values in shares.items()},
        seeds=len(seeds),
        left_out=left_out,
        joint=any(
            len(names) > 1 for side in arms if not side.single for names in side.phenotypes.values()
        ),
        trained_once=[
            value for value, side in zip(weights, arms, strict=True)
            if side.trained and len(side.phenotypes) == 1
        ],
        unequal=unequal,
        same=same,
    )  # fmt: skip


class _Score(NamedTuple):
    """A run's result: identities of the run and its split, test R2 or NaN, numbers of strains."""

    run: Hashable
    split: Hashable
    r2: float
    n: int | None
    n_train: int | None

    @property
    def test_share(self) -> float:
        return self.n / self.n_train if self.n and self.n_train else nan


@dataclass
class _Arm:
    """The runs of one arm: (phenotype, *by) -> seed -> score."""

    cells: dict[tuple, dict[int | None, _Score]]
    trained: bool

    @cached_property
    def single(self) -> bool:
        """Whether one run stands for all seeds, listed once or under each with one signature."""
        return all(len({s.run for s in scores.values()}) == 1 for scores in self.cells.values())

    def score(self, cell: tuple, seed: int | None) -> _Score | None:
        """None where the run is missing, failed, is not done or has no finite R2."""
        scores = self.cells.get(cell, {})
        if self.single:
            seed = next(iter(scores), None)
        score = scores.get(seed)
        return score if score is not None and isfinite(score.r2) else None

    @property
    def phenotypes(self) -> dict[Hashable, set[str]]:
        """Map each run to its phenotypes."""
        phenotypes: dict[Hashable, set[str]] = {}
        for (phenotype, *_), scores in self.cells.items():
            for score in scores.values():
                phenotypes.setdefault(score.run, set()).add(phenotype)
        return phenotypes


def _read(table: pa.Table, arm: str, value: Any, by: Sequence[str]) -> _Arm:
    table = table.filter(pc.and_(_equals(table[arm], value), pc.equal(table["split"], "test")))
    name = "model_name" if "model_name" in table.column_names else "model"
    models = table[name].unique().to_pylist() if name in table.column_names else ["?"]
    # Without the column same_split, the factors that vary a split identify it.
    split_columns = ["same_split"] if "same_split" in table.column_names else [
        factor for factor in by if factor.partition(".")[0] == "split"
    ]  # fmt: skip
    cells: dict = {}
    keys = ["phenotype", *by]
    columns = dict.fromkeys([*keys, *split_columns, "seed", "signature", "r2", "n", "n_train"])
    for row in table.select([name for name in columns if name in table.column_names]).to_pylist():
        seed = row["seed"]
        score = _Score(
            run=row["signature"] or (value, seed),  # an unfinished run may have none yet
            split=tuple(row[name] for name in split_columns),
            r2=nan if row["r2"] is None else row["r2"],
            n=row.get("n"),
            n_train=row.get("n_train"),
        )
        scores = cells.setdefault(tuple(row[key] for key in keys), {})
        if scores.setdefault(seed, score).run != score.run:
            varying = [
                factor for factor in table.column_names
                if factor not in (*FACTS, arm, *by) and len(table[factor].unique()) > 1
            ]  # fmt: skip
            raise OptionError(
                f"{arm}={value} has several runs of phenotype {row['phenotype']} with seed {seed}; "
                f"pair them by what distinguishes them: {listed(varying) or 'no factor does'}."
            )
    return _Arm(cells, trained=not all(map(is_baseline, models)))


def _equals(column: pa.ChunkedArray, value: Any) -> pa.ChunkedArray:
    """Return where a factor has a value; a factor with values of several types is a text column."""
    if value is None:
        return pc.is_null(column)
    value = str(value) if pa.types.is_string(column.type) else value
    return pc.equal(column, pa.scalar(value, column.type))


def _check_value(table: pa.Table, factor: str, value: Any) -> None:
    column = table[factor]
    if value is not None and pa.types.is_string(column.type):
        value = str(value)
    _check(value, column.unique().to_pylist(), f"value of {factor} in the study's results")


def _check(value: Any, choices: Iterable, what: str) -> None:
    choices = list(choices)
    if value not in choices:
        names = [text_of(choice) for choice in choices]
        raise OptionError(
            f"'{value}' is not a {what}.{nearest(str(value), names)} There are: {listed(names)}."
        )
