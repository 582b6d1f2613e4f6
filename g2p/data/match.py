"""The loci of a fitted model found in another panel: by name, by place, alleles the right way."""

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
    """

    columns: np.ndarray
    flipped: np.ndarray
    by_name: int
    by_place: int

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
    place = zip(there["chromosome"], there["position"], strict=True)
    by_place = {where: column for column, where in enumerate(place)}
    named = [by_id.get(name, -1) for name in wanted["id"]]
    taken = set(named)
    columns = np.array(named)
    for i, where in enumerate(zip(wanted["chromosome"], wanted["position"], strict=True)):
        column = by_place.get(where, -1)
        # A number that stands for a place unknown is none; and no column is two loci.
        if columns[i] < 0 and where[0] != UNKNOWN and column not in taken:
            columns[i] = column
            taken.add(column)
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
    return Match(
        columns, _flipped(wanted, there, columns), found, len(columns) - found - len(absent)
    )


def _flipped(wanted: Mapping, there: Mapping, columns: np.ndarray) -> np.ndarray:
    flipped = np.zeros(len(columns), bool)
    if "allele_0" not in wanted or "allele_0" not in there:
        return flipped  # one of the two does not know its alleles: they are taken to be the same
    for i, column in enumerate(columns):
        own = wanted["allele_0"][i], wanted["allele_1"][i]
        other = there["allele_0"][column], there["allele_1"][column]
        if column < 0 or _agree(own, other):
            continue
        flipped[i] = _agree(own, other[::-1])
        if not flipped[i]:
            raise UserError(
                f"locus {wanted['id'][i]} has the alleles {_told(other)} here; the model was "
                f"trained on {_told(own)} and never saw "
                f"{listed([a for a in other if a and a not in own]) or 'them so'}."
            )
    return flipped


def _agree(own: tuple, other: tuple) -> bool:
    """Whether nothing that is known of the alleles differs; a monomorphic locus may know one."""
    pairs = zip(own, other, strict=True)
    return all(a == b for a, b in pairs if a is not None and b is not None)


def _told(alleles: tuple) -> str:
    return listed([allele or "unknown" for allele in alleles])
