"""Pairs of runs: two arms of a study, told apart by one column of its results table.

In: the results table, one row for each run x phenotype x split, with every factor of the study and
`phenotype, seed, split, r2, signature` among its columns. Out: differences in test R2 between runs
that agree in phenotype, seed and whatever else they are paired by.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from g2p.config import is_baseline
from g2p.errors import UserError, listed, nearest

# What a row says of its run, and what was found; every other column is a factor of the study.
FACTS = (
    "phenotype", "seed", "split", "r2", "pearson", "n", "n_train", "seconds", "signature", "status", "error",
    "noise_ceiling", "ridge_r2", "num_parameters", "peak_memory", "flops",
    "energy", "versions", "panel", "setting", "resample", "model_name",
)  # fmt: skip


@dataclass(frozen=True)
class Pairs:
    """Differences b - a in test R2.

    Attributes:
        differences: by phenotype, one for each complete pair of runs; no phenotype is empty.
        seeds: how many different seeds the complete pairs have.
        left_out: pairs of which a run is missing, failed or not done yet.
        together: whether one run gives several phenotypes, so that pair i is the same in all.
        trained_once: the arms whose one trained run is in every pair, so that its luck is, too.
        unequal: complete pairs whose runs were scored on different numbers of strains.
        same: complete pairs of a run with itself.
    """

    differences: dict[str, list[float]]
    seeds: int
    left_out: int
    together: bool
    trained_once: list
    unequal: int
    same: int


def paired(table: pa.Table, arm: str, a: Any, b: Any, *, by: Sequence[str] = ()) -> Pairs:
    """Pair the runs where column `arm` is `a` with those where it is `b`.

    An arm with one run for all seeds (ridge) is paired with every seed of the other.

    Args:
        table: the study's results.
        arm: a factor.
        a: a value of it.
        b: another.
        by: factors that both arms share, in which the runs of a pair agree.

    Raises:
        UserError: for a column or value that is not there, or where `by` leaves several runs of
            an arm with one phenotype and seed.
    """
    for column in (arm, *by):
        _check(column, table.column_names, "column of the study's results")
    arms = [_read(table, arm, value, by) for value in (a, b)]
    differences: dict[str, list[float]] = {}
    seeds, left_out, unequal, same = set(), 0, 0, 0
    for cell in dict.fromkeys(cell for side in arms for cell in side.cells):
        wanted = {
            seed for side in arms if not side.single for seed in side.cells.get(cell, ())
        } or {None}  # both arms are single: one pair, of no seed
        for seed in sorted(wanted, key=lambda seed: (seed is None, seed)):
            one, other = (side.score(cell, seed) for side in arms)
            if one is None or other is None:
                left_out += 1
            else:
                differences.setdefault(cell[0], []).append(other.r2 - one.r2)
                seeds.add(seed)
                unequal += one.n != other.n
                same += one.run == other.run
    return Pairs(
        differences=differences,
        seeds=len(seeds),
        left_out=left_out,
        together=any(
            len(names) > 1 for side in arms if not side.single for names in side.phenotypes.values()
        ),
        trained_once=[
            value for value, side in zip((a, b), arms, strict=True)
            if side.trained and len(side.phenotypes) == 1
        ],
        unequal=unequal,
        same=same,
    )  # fmt: skip


class _Score(NamedTuple):
    """What a run came to: what tells it from others, test R2 and of how many strains."""

    run: Hashable
    r2: float | None
    n: int | None


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
        known = score is not None and score.r2 is not None and isfinite(score.r2)
        return score if known else None

    @property
    def phenotypes(self) -> dict[Hashable, set[str]]:
        """Of each run."""
        found: dict[Hashable, set[str]] = {}
        for (phenotype, *_), scores in self.cells.items():
            for score in scores.values():
                found.setdefault(score.run, set()).add(phenotype)
        return found


def _read(table: pa.Table, arm: str, value: Any, by: Sequence[str]) -> _Arm:
    column = table[arm]
    if pa.types.is_string(column.type):  # also where a factor's values are of several types
        value = str(value)
    _check(value, column.unique().to_pylist(), f"value of {arm} in the study's results")
    is_chosen = pc.equal(column, pa.scalar(value, column.type))
    table = table.filter(pc.and_(is_chosen, pc.equal(table["split"], "test")))
    models = table["model"].unique().to_pylist() if "model" in table.column_names else ["?"]
    cells: dict = {}
    keys = ["phenotype", *by]
    wanted = [*keys, "seed", "signature", "r2", "n"]
    for row in table.select([name for name in wanted if name in table.column_names]).to_pylist():
        seed = row["seed"]
        # A run that is not done may have no signature yet.
        score = _Score(row["signature"] or (value, seed), row["r2"], row.get("n"))
        scores = cells.setdefault(tuple(row[key] for key in keys), {})
        if scores.setdefault(seed, score).run != score.run:
            varying = [
                factor for factor in table.column_names
                if factor not in (*FACTS, arm, *by) and len(table[factor].unique()) > 1
            ]  # fmt: skip
            raise UserError(
                f"{arm}={value} has several runs of phenotype {row['phenotype']} with seed {seed}; "
                f"pair by what tells them apart: {listed(varying) or 'no factor does'}."
            )
    return _Arm(cells, trained=not all(map(is_baseline, models)))


def _check(value: Any, choices: Iterable, what: str) -> None:
    choices = list(choices)
    if value not in choices:
        names = [str(choice) for choice in choices]
        raise UserError(
            f"'{value}' is no {what}.{nearest(str(value), names)} There are: {listed(names)}."
        )
