"""The loci of a fitted model found in another panel: by name, by place, alleles the right way."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from g2p.data.linkage import UNKNOWN
from g2p.data.panel import missing_genotypes
from g2p.errors import UserError, listed


@dataclass(frozen=True, eq=False)
class Match:
    """Where each of the model's L loci is in a panel.

    Attributes:
        columns: (L,), of the panel; -1 where it lacks the locus.
        flipped: (L,) bool, where the panel codes the alleles the other way round.
        by_name, by_place: how many were found so.
        unsure: how many of these have alleles that one of the two knows, and the other does not.
    """

    columns: np.ndarray
    flipped: np.ndarray
    by_name: int
    by_place: int
    unsure: int

    def genotypes(self, block: np.ndarray, mean_genotype: np.ndarray) -> tuple[np.ndarray, int]:
        """(n, L) float32 for a panel's rows (n, L'), and how many gaps the means filled."""
        values = block[:, self.columns.clip(0)]
        gaps = missing_genotypes(values) | (self.columns < 0)
        values = np.where(self.flipped, -values.astype(np.float32), values.astype(np.float32))
        return np.where(gaps, mean_genotype.astype(np.float32), values), int(gaps.sum())


def match_loci(wanted: Mapping[str, list], panel: pa.Table, *, missing: str) -> Match:
    """Find the model's loci in a panel's locus table.

    Args:
        wanted: the model's locus table, lists by column.
        panel: the panel's.
        missing: what is done with a locus that the panel lacks: `refuse`, or `impute` the mean of
            the training strains.

    Raises:
        UserError: for loci that are missing and not to be imputed, for a panel that has none of
            them, and for alleles that the model never saw.
    """
    there = panel.to_pydict()
    by_id = {name: column for column, name in enumerate(there["id"])}
    by_place: dict[tuple, list[int]] = defaultdict(list)
    for column, where in enumerate(zip(there["chromosome"], there["position"], strict=True)):
        by_place[where].append(column)
    named = [by_id.get(name, -1) for name in wanted["id"]]
    taken = set(named)
    columns = np.array(named)
    for i, where in enumerate(zip(wanted["chromosome"], wanted["position"], strict=True)):
        # A number that stands for a place unknown is none; and no column is two loci.
        if columns[i] < 0 and where[0] != UNKNOWN:
            free = [column for column in by_place[where] if column not in taken]
            # Of several at one place, as of a record of three alleles, the one of the same alleles.
            own = _alleles(wanted, i)
            free.sort(key=lambda column: _turned(own, _alleles(there, column)) is None)
            columns[i] = free[0] if free else -1
            taken.update(free[:1])
    absent = np.flatnonzero(columns < 0)
    examples = listed([wanted["id"][i] for i in absent[:3]])
    if len(absent) == len(columns):
        raise UserError(
            f"this panel has none of the model's {len(columns)} loci ({examples} ...), neither by "
            f"name nor by chromosome and position; its own are {listed(there['id'][:3])} ..."
        )
    if len(absent) and missing == "refuse":
        raise UserError(
            f"this panel lacks {len(absent)} of the model's {len(columns)} loci ({examples}"
            f"{' ...' if len(absent) > 3 else ''}). missing_loci=impute fills them in with the "
            "mean of the training strains."
        )
    found = int((np.array(named) >= 0).sum())
    unsure = sum(
        any(_alleles(wanted, i)) != any(_alleles(there, column))
        for i, column in enumerate(columns) if column >= 0
    )  # fmt: skip
    return Match(
        columns, _flipped(wanted, there, columns), found, len(columns) - found - len(absent), unsure
    )


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
