"""The loci of a fitted model in another panel: matched by name or position, alleles aligned."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from g2p.core.errors import DataError
from g2p.core.phrases import listed
from g2p.data.locus_positions import (
    LocusPosition,
    comparable_positions,
    format_position,
    position_shift,
)
from g2p.data.panel import missing_genotypes

# What a locus is matched by: its name, else its position, where no more than half contradict each
# other; or one of the two alone.
BY = ("both", "name", "place")


@dataclass(frozen=True, eq=False)
class HarmonizedLoci:
    """The columns of a panel that are the model's L loci.

    Attributes:
        columns: (L,), of the panel; -1 where it lacks the locus.
        flipped: (L,) bool, where the panel codes the alleles the other way round.
        by_name, by_position: number of loci matched so.
        unverified_alleles: number of matched loci whose alleles only one of the two tables knows.
        position_conflicts: examples of loci matched by name at another position, and their number.
        position_shift: what is added to the model's positions to have the panel's.
    """

    columns: np.ndarray
    flipped: np.ndarray
    by_name: int
    by_position: int
    unverified_alleles: int
    position_conflicts: tuple[str, int]
    position_shift: int

    def genotypes(self, block: np.ndarray, mean_genotype: np.ndarray) -> tuple[np.ndarray, int]:
        """Return (n, L) float32 for a panel's rows (n, L'), and how many gaps the means filled."""
        values = block[:, self.columns.clip(0)]
        gaps = missing_genotypes(values) | (self.columns < 0)
        values = np.where(self.flipped, -values.astype(np.float32), values.astype(np.float32))
        return np.where(gaps, mean_genotype.astype(np.float32), values), int(gaps.sum())


def harmonize(
    model: Mapping[str, list], panel: pa.Table, *, missing: str, by: str = "both"
) -> HarmonizedLoci:
    """Match the model's loci with those of a panel's locus table.

    Args:
        model: the model's locus table, lists by column.
        panel: the panel's.
        missing: what is done with a locus that the panel lacks: `refuse`, or `impute` the mean of
            the training strains.
        by: what a locus is matched by, one of `BY`.

    Raises:
        DataError: for loci that are missing and not to be imputed, for a panel that has none of
            them, for names that most positions contradict, and for alleles that the model never
            saw.
    """
    target = panel.to_pydict()
    model_positions, panel_positions = comparable_positions(model), comparable_positions(target)
    shift = position_shift(model_positions, panel_positions)
    model_positions = [
        position and (position[0], position[1] + shift) for position in model_positions
    ]
    conflicts = "", 0
    by_id = {} if by == "place" else {name: i for i, name in enumerate(target["id"])}
    columns = np.array([by_id.get(name, -1) for name in model["id"]])
    n_by_name = int((columns >= 0).sum())
    if by == "both":
        conflicts = _position_conflicts(model, target, columns, model_positions, panel_positions)
    if by != "name":
        _match_by_position(model, target, columns, model_positions, panel_positions)
    absent = np.flatnonzero(columns < 0)
    examples = listed([model["id"][i] for i in absent[:3]])
    if len(absent) == len(columns):
        how = {"name": "by name", "place": "by chromosome and position"}
        raise DataError(
            f"this panel has none of the model's {len(columns)} loci ({examples} ...), "
            f"{how.get(by, 'neither by name nor by chromosome and position')}; it has "
            f"{listed(target['id'][:3])} ..."
        )
    if len(absent) and missing == "refuse":
        raise DataError(
            f"this panel lacks {len(absent)} of the model's {len(columns)} loci ({examples}"
            f"{' ...' if len(absent) > 3 else ''}). missing_loci=impute fills them in with the "
            "mean of the training strains."
        )
    unverified = sum(
        any(_alleles(model, i)) != any(_alleles(target, column))
        for i, column in enumerate(columns) if column >= 0
    )  # fmt: skip
    return HarmonizedLoci(
        columns=columns,
        flipped=_flipped(model, target, columns),
        by_name=n_by_name,
        by_position=len(columns) - n_by_name - len(absent),
        unverified_alleles=unverified,
        position_conflicts=conflicts,
        position_shift=shift,
    )


def _position_conflicts(
    model: Mapping, panel: Mapping, columns: np.ndarray,
    model_positions: list[LocusPosition | None], panel_positions: list[LocusPosition | None],
) -> tuple[str, int]:  # fmt: skip
    """Return examples of loci matched by name at another position, and their number.

    Raises:
        DataError: when most of them are.
    """
    comparable = [
        (i, column) for i, column in enumerate(columns)
        if column >= 0 and model_positions[i] and panel_positions[column]
    ]  # fmt: skip
    conflicts = [(i, c) for i, c in comparable if model_positions[i] != panel_positions[c]]
    examples = ", ".join(
        f"{model['id'][i]} is at {format_position(panel, column)}, the model's at "
        f"{format_position(model, i)}"
        for i, column in conflicts[:2]
    )
    if 2 * len(conflicts) > len(comparable):
        raise DataError(
            f"{len(conflicts)} of the {len(comparable)} loci matched by name have another position "
            f"in this panel: {examples}. Correct its names or its positions. If the positions are "
            "of another assembly, match=name uses the names alone; if the names are wrong, "
            "match=place uses the positions alone."
        )
    return examples, len(conflicts)


def _match_by_position(
    model: Mapping, panel: Mapping, columns: np.ndarray,
    model_positions: list[LocusPosition | None], panel_positions: list[LocusPosition | None],
) -> None:  # fmt: skip
    """Fill in the columns of unmatched loci that lie where the panel has a locus."""
    columns_at: dict[LocusPosition | None, list[int]] = defaultdict(list)
    for column, position in enumerate(panel_positions):
        columns_at[position].append(column)
    taken = set(columns)
    for i, position in enumerate(model_positions):
        if columns[i] < 0 and position is not None:  # and no column is two loci
            free = [column for column in columns_at[position] if column not in taken]
            # Of several at one position, as of a record of three alleles, that of the same alleles.
            alleles = _alleles(model, i)
            free.sort(key=lambda column: _is_swapped(alleles, _alleles(panel, column)) is None)
            columns[i] = free[0] if free else -1
            taken.update(free[:1])


def _flipped(model: Mapping, panel: Mapping, columns: np.ndarray) -> np.ndarray:
    flipped = np.zeros(len(columns), bool)
    for i, column in enumerate(columns):
        if column < 0:
            continue
        trained, alleles = _alleles(model, i), _alleles(panel, column)
        swapped = _is_swapped(trained, alleles)
        if swapped is None:
            unseen = listed([a for a in alleles if a and a not in trained])
            raise DataError(
                f"locus {model['id'][i]} has the alleles {_format_alleles(alleles)} here; the "
                f"model was trained on {_format_alleles(trained)} and never saw "
                f"{unseen or 'this pair'}."
            )
        flipped[i] = swapped
    return flipped


def _alleles(table: Mapping, row: int) -> tuple[str | None, str | None]:
    """Alleles of one locus; a table may lack them, or know one only of a monomorphic locus."""
    first, second = (
        table[name][row] if name in table else None for name in ("allele_0", "allele_1")
    )
    return first, second


def _is_swapped(trained: tuple, alleles: tuple) -> bool | None:
    """Whether the alleles are the other way round; None where they differ either way.

    Where nothing is known of both they are assumed to be the same.
    """
    same, swapped = (
        [a == b for a, b in zip(trained, pair, strict=True) if a is not None and b is not None]
        for pair in (alleles, alleles[::-1])
    )
    if all(same) and (same or not (swapped and all(swapped))):
        return False
    return True if all(swapped) else None


def _format_alleles(alleles: tuple) -> str:
    return listed([allele or "unknown" for allele in alleles])
