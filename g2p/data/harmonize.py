"""The loci of a fitted model found in another panel: by name, by place, alleles the right way."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from g2p.core.errors import UserError, listed
from g2p.data.locus_positions import Place, places, position_shift, written
from g2p.data.panel import missing_genotypes

# What finds a locus: its name, else its place, where no more than half contradict each other; or
# one of the two alone.
BY = ("both", "name", "place")


@dataclass(frozen=True, eq=False)
class HarmonizedLoci:
    """Where each of the model's L loci is in a panel.

    Attributes:
        columns: (L,), of the panel; -1 where it lacks the locus.
        flipped: (L,) bool, where the panel codes the alleles the other way round.
        by_name, by_place: how many were found so.
        unverified_alleles: number of matched loci whose alleles only one of the two tables knows.
        position_conflicts: examples of loci matched by name at another position, and their number.
        counted_from: what is added to the model's positions to have the panel's.
    """

    columns: np.ndarray
    flipped: np.ndarray
    by_name: int
    by_position: int
    unverified_alleles: int
    position_conflicts: tuple[str, int]
    position_shift: int

    def genotypes(self, block: np.ndarray, mean_genotype: np.ndarray) -> tuple[np.ndarray, int]:
        """(n, L) float32 for a panel's rows (n, L'), and how many gaps the means filled."""
        values = block[:, self.columns.clip(0)]
        gaps = missing_genotypes(values) | (self.columns < 0)
        values = np.where(self.flipped, -values.astype(np.float32), values.astype(np.float32))
        return np.where(gaps, mean_genotype.astype(np.float32), values), int(gaps.sum())


def harmonize(
    wanted: Mapping[str, list], panel: pa.Table, *, missing: str, by: str = "both"
) -> HarmonizedLoci:
    """Find the model's loci in a panel's locus table.

    Args:
        wanted: the model's locus table, lists by column.
        panel: the panel's.
        missing: what is done with a locus that the panel lacks: `refuse`, or `impute` the mean of
            the training strains.
        by: what finds a locus, one of `BY`.

    Raises:
        UserError: for loci that are missing and not to be imputed, for a panel that has none of
            them, for names that most places contradict, and for alleles that the model never saw.
    """
    there = panel.to_pydict()
    here_at, there_at = places(wanted), places(there)
    step = position_shift(here_at, there_at)
    here_at = [place and (place[0], place[1] + step) for place in here_at]
    columns = np.full(len(here_at), -1)
    conflicts = "", 0
    if by != "place":
        by_id = {name: column for column, name in enumerate(there["id"])}
        columns = np.array([by_id.get(name, -1) for name in wanted["id"]])
    found = int((columns >= 0).sum())
    if by == "both":
        conflicts = _position_conflicts(wanted, there, columns, here_at, there_at)
    if by != "name":
        _find_by_place(wanted, there, columns, here_at, there_at)
    absent = np.flatnonzero(columns < 0)
    examples = listed([wanted["id"][i] for i in absent[:3]])
    if len(absent) == len(columns):
        how = {"name": "by name", "place": "by chromosome and position"}
        raise UserError(
            f"this panel has none of the model's {len(columns)} loci ({examples} ...), "
            f"{how.get(by, 'neither by name nor by chromosome and position')}; its own are "
            f"{listed(there['id'][:3])} ..."
        )
    if len(absent) and missing == "refuse":
        raise UserError(
            f"this panel lacks {len(absent)} of the model's {len(columns)} loci ({examples}"
            f"{' ...' if len(absent) > 3 else ''}). missing_loci=impute fills them in with the "
            "mean of the training strains."
        )
    unverified = sum(
        any(_alleles(wanted, i)) != any(_alleles(there, column))
        for i, column in enumerate(columns) if column >= 0
    )  # fmt: skip
    return HarmonizedLoci(
        columns=columns,
        flipped=_flipped(wanted, there, columns),
        by_name=found,
        by_position=len(columns) - found - len(absent),
        unverified_alleles=unverified,
        position_conflicts=conflicts,
        position_shift=step,
    )


def _position_conflicts(
    wanted: Mapping, there: Mapping, columns: np.ndarray,
    here_at: list[Place | None], there_at: list[Place | None],
) -> tuple[str, int]:  # fmt: skip
    """Examples of loci found by name whose place is another, and how many; UserError if most."""
    known = [
        (i, column) for i, column in enumerate(columns)
        if column >= 0 and here_at[i] and there_at[column]
    ]  # fmt: skip
    others = [(i, column) for i, column in known if here_at[i] != there_at[column]]
    examples = ", ".join(
        f"{wanted['id'][i]} is at {written(there, column)}, the model's at {written(wanted, i)}"
        for i, column in others[:2]
    )
    if 2 * len(others) > len(known):
        raise UserError(
            f"{len(others)} of the {len(known)} loci that are found by name lie elsewhere in this "
            f"panel: {examples}. Correct its names or its positions. Where the positions are of "
            "another assembly, match=name goes by the names alone; where the names are wrong, "
            "match=place by the places."
        )
    return examples, len(others)


def _find_by_place(
    wanted: Mapping, there: Mapping, columns: np.ndarray,
    here_at: list[Place | None], there_at: list[Place | None],
) -> None:  # fmt: skip
    """Fill in the columns of loci that are not found yet and lie where the panel has one."""
    by_position: dict[Place | None, list[int]] = defaultdict(list)
    for column, place in enumerate(there_at):
        by_position[place].append(column)
    taken = set(columns)
    for i, place in enumerate(here_at):
        if columns[i] < 0 and place is not None:  # and no column is two loci
            free = [column for column in by_position[place] if column not in taken]
            # Of several at one place, as of a record of three alleles, the one of the same alleles.
            own = _alleles(wanted, i)
            free.sort(key=lambda column: _turned(own, _alleles(there, column)) is None)
            columns[i] = free[0] if free else -1
            taken.update(free[:1])


def _flipped(wanted: Mapping, there: Mapping, columns: np.ndarray) -> np.ndarray:
    flipped = np.zeros(len(columns), bool)
    for i, column in enumerate(columns):
        if column < 0:
            continue
        own, other = _alleles(wanted, i), _alleles(there, column)
        turned = _turned(own, other)
        if turned is None:
            raise UserError(
                f"locus {wanted['id'][i]} has the alleles {_told(other)} here; the model was "
                f"trained on {_told(own)} and never saw "
                f"{listed([a for a in other if a and a not in own]) or 'them so'}."
            )
        flipped[i] = turned
    return flipped


def _alleles(table: Mapping, row: int) -> tuple[str | None, str | None]:
    """Of one locus; a table may not know them, and of a monomorphic locus it may know one."""
    return tuple(table[name][row] if name in table else None for name in ("allele_0", "allele_1"))


def _turned(own: tuple, other: tuple) -> bool | None:
    """Whether the alleles are the other way round; None where they differ either way.

    Where nothing is known of both they are taken to be the same.
    """
    same, swapped = (
        [a == b for a, b in zip(own, there, strict=True) if a is not None and b is not None]
        for there in (other, other[::-1])
    )
    if all(same) and (same or not (swapped and all(swapped))):
        return False
    return True if all(swapped) else None


def _told(alleles: tuple) -> str:
    return listed([allele or "unknown" for allele in alleles])
