"""A study's results table as its figures and its report see it: runs, arms, finished test rows.

In: the results table, one row for each run x phenotype x split, nulls where a run is not done. An
arm is a value of the factor that the study compares, here always as text, in the table's order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from statistics import fmean
from typing import TypeGuard

import pyarrow as pa

from g2p.core.formatting import label
from g2p.core.grouping import group_by
from g2p.runs.cross_validation import FOLDS, ROUND

COMBINATION = "combination"
REPEATS = (*FOLDS, ROUND)  # as seeds are: other strains for the same design
STATES = ("done", "running", "pending", "failed")


@dataclass(frozen=True)
class RunRow:
    """One run in one arm, as the results table has it: for figures and tables of a report.

    It has no config and no files: `g2p.study.expand.StudyRun` is the run that a study plans and
    trains, `g2p.runs.index.StoredRun` one that is read from its directory.

    Attributes:
        key: its signature, or a text that identifies a run that has none yet.
        arm: as text.
        facts: its first row of the table.
        phenotypes: of its rows; none where they are not known yet.
    """

    key: str
    arm: str
    facts: dict
    phenotypes: tuple[str, ...]

    @property
    def status(self) -> str:
        return self.facts["status"]


class StudyData:
    """A study's results table, by arm (see the module).

    Args:
        table: the study's results.
        arm: the factor whose values are compared.
        factors: names of all factors' columns.
        chosen: those whose value validation chose, as it may choose learning rates.
    """

    def __init__(
        self, table: pa.Table, arm: str, factors: Sequence[str], chosen: Sequence[str] = ()
    ):
        self.table, self.arm, self._chosen = table, arm, chosen
        self._rows = table.to_pylist()
        self.arms = list(dict.fromkeys(map(self.arm_of, self._rows)))
        self._factors = [name for name in factors if name not in (arm, "phenotype", "seed")]

    def arm_of(self, row: dict) -> str:
        return label(row[self.arm])

    def best(self, most: int) -> "StudyData":
        """Return the data of this many arms, the best ones; itself where it has no more."""
        if len(self.arms) <= most:
            return self
        ranked = dict.fromkeys([*self.means, *self.arms])
        names_of_best = set(list(ranked)[:most])
        rows = pa.array([self.arm_of(row) in names_of_best for row in self._rows])
        return StudyData(self.table.filter(rows), self.arm, self._factors, self._chosen)

    @cached_property
    def values(self) -> dict[str, object]:
        """Arm -> the value in the table."""
        return {self.arm_of(row): row[self.arm] for row in self._rows}

    @cached_property
    def rows(self) -> list[dict]:
        """Test rows of finished runs with a number."""
        return [
            row for row in self._rows
            if row["status"] == "done" and row["split"] == "test" and is_number(row["r2"])
        ]  # fmt: skip

    @cached_property
    def runs(self) -> list[RunRow]:
        """Every run; one that belongs to two arms (the end of a ladder, say) is in both."""
        first: dict[tuple[str, str], dict] = {}
        phenotypes: dict[tuple[str, str], dict[str, None]] = {}
        for row in self._rows:
            factors = tuple(label(row[name]) for name in self._factors)
            # A run that is not done may not have its signature yet.
            identity = row["signature"] or repr((*factors, row["seed"], row["phenotype"]))
            key = (self.arm_of(row), identity)
            first.setdefault(key, row)
            if row["phenotype"] is not None:
                phenotypes.setdefault(key, {})[row["phenotype"]] = None
        return [
            RunRow(key[1], key[0], row, tuple(phenotypes.get(key, ())))
            for key, row in first.items()
        ]

    @cached_property
    def counts(self) -> dict[str, int]:
        """State -> different runs in it."""
        state = {run.key: run.status for run in self.runs}
        return {name: sum(value == name for value in state.values()) for name in STATES}

    @property
    def so_far(self) -> str:
        """` so far` where results may still change, else nothing."""
        return "" if self.counts["done"] == sum(self.counts.values()) else " so far"

    @cached_property
    def phenotypes(self) -> list[str]:
        """Those with a finished run, in the table's order."""
        return list(dict.fromkeys(row["phenotype"] for row in self.rows))

    @cached_property
    def compared(self) -> list[str]:
        """The phenotypes that every arm with a finished run has: a fair mean is over these."""
        by_arm = group_by(self.rows, self.arm_of)
        each = [{row["phenotype"] for row in rows} for rows in by_arm.values()]
        return [name for name in self.phenotypes if all(name in names for names in each)]

    @cached_property
    def means(self) -> dict[str, float]:
        """Arm -> mean test R2 over the compared phenotypes, which count alike; the best first."""
        compared = set(self.compared)
        rows = [row for row in self.rows if row["phenotype"] in compared]
        means = {arm: mean_r2(arm_rows) for arm, arm_rows in group_by(rows, self.arm_of).items()}
        return dict(sorted(means.items(), key=lambda item: -item[1]))

    @cached_property
    def varying(self) -> list[str]:
        """Other factors with several values within an arm, among finished runs."""
        return [
            name for name in self._factors
            if any(
                len({label(row[name]) for row in rows}) > 1
                for rows in group_by(self.rows, self.arm_of).values()
            )
        ]  # fmt: skip

    @cached_property
    def settings(self) -> list[str]:
        """Those of them that are designs of their own, such as the number of layers.

        Runs of one arm, seed and split differ in these, and no validation chose them.
        """
        repeats = [name for name in self.varying if name in REPEATS or "seed" in name]
        alike = group_by(
            self.rows,
            lambda row: (self.arm_of(row), row["phenotype"], row["seed"],
                         *(row[name] for name in repeats)),
        )  # fmt: skip
        return [
            name for name in self.varying if name not in self._chosen
            and any(len({label(row[name]) for row in rows}) > 1 for rows in alike.values())
        ]  # fmt: skip


def combine_factors(table: pa.Table, factors: Sequence[str]) -> pa.Table:
    """The table with a column `combination`, an arm for each combination of these factors' values.

    A switch is named where it is on, another factor with its value: `skip, ffn, width 256`.
    """
    short = {name: name.rpartition(".")[2] for name in factors}
    if len({*short.values()}) < len(factors):
        short = dict(zip(factors, factors, strict=True))

    def arm(row: dict) -> str:
        on = [
            short[name] if value is True else f"{short[name]} {label(value)}"
            for name, value in row.items() if value is not False
        ]  # fmt: skip
        return ", ".join(on) or "none"

    arms = [arm(row) for row in table.select(list(factors)).to_pylist()]
    return table.append_column(COMBINATION, pa.array(arms, pa.string()))


def is_number(value: float | None) -> TypeGuard[float]:
    return value is not None and isfinite(value)


def number_text(value: float | None, form: str) -> str:
    """Return a number in a format such as `z.3f`, or a dash."""
    return format(value, form) if is_number(value) else "–"


def mean_r2(rows: Iterable[dict]) -> float:
    """Mean over phenotypes of the mean over runs: a phenotype with more runs counts no more."""
    by_phenotype = group_by(rows, lambda row: row["phenotype"])
    return fmean(fmean(row["r2"] for row in each) for each in by_phenotype.values())
