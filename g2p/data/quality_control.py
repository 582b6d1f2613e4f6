"""Quality control: what leaves a panel before anything is fitted, why, and how gaps are filled.

Thresholds on loci look at the training strains alone; missingness of a strain at that strain alone.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa

from g2p.config.constraints import AtLeast, AtMost, Below
from g2p.core.errors import UserError, plural
from g2p.data.panel import BLOCK, missing_genotypes
from g2p.data.split import Split


@dataclass(frozen=True, eq=False)
class Cleaned:
    """What is left.

    Attributes:
        genotypes: nothing missing among the strains and loci that stay. Where something was filled
            in, these loci only; else the panel's own, which may not fit into memory.
        columns: of `genotypes`, that stay.
        loci: of the panel, the same ones.
        split: without the strains that left.
        account: a line for each thing that was removed or filled in; empty where nothing was.
    """

    genotypes: np.ndarray
    columns: np.ndarray
    loci: np.ndarray
    split: Split
    qc_log: list[str]


def clean(
    genotypes: np.ndarray,
    table: pa.Table,
    split: Split,
    *,
    min_maf: Annotated[float, AtLeast(0), Below(0.5)],
    max_missing_locus: Annotated[float, AtLeast(0), AtMost(1)],
    max_missing_strain: Annotated[float, AtLeast(0), AtMost(1)],
    monomorphic: Literal["drop", "keep"],
    duplicates: Literal["drop", "keep"],
    impute: Literal["mean", "nearest", "refuse"],
) -> Cleaned:
    """Remove strains, then loci; then fill in what is still missing.

    Args:
        genotypes: (N, L), see `Panel`; may be a map of a file larger than memory.
        table: the locus table.
        split: rows of train, val and test.
        min_maf: smallest frequency of a locus's rarer allele, among the training strains.
        max_missing_locus: largest share of training strains without a genotype at a locus.
        max_missing_strain: largest share of loci without a genotype in a strain.
        monomorphic: what is done with a locus that does not vary among the training strains.
        duplicates: what is done with a strain whose genotypes are those of an earlier one of the
            split, gaps included.
        impute: `mean` of the locus over the training strains (the panel becomes float32);
            `nearest`: the strain's own genotype at the nearest locus of the chromosome that has
            one, for crosses, where neighbours are inherited together; `refuse`.

    Raises:
        UserError: when nothing is left, or something is missing and `impute` refuses.
    """
    qc_log = []
    inside = np.zeros(len(genotypes), bool)
    inside[np.concatenate(list(split.values()))] = True
    missing, twice = _strains(genotypes, inside if duplicates == "drop" else None)
    for gone, why in (
        (missing > max_missing_strain, f"more than {max_missing_strain:.0%} of the loci missing"),
        (twice, "the genotypes of an earlier strain"),
    ):
        if (gone & inside).any():
            qc_log.append(f"{plural(int((gone & inside).sum()), 'strain')} removed: {why}")
            split = split.only(~gone)
            inside &= ~gone
    kept, told = _loci(genotypes, split["train"], min_maf, max_missing_locus, monomorphic == "drop")
    qc_log += told
    for part, rows in split.items():
        if not len(rows) or not len(kept):
            raise UserError(
                f"quality control leaves {len(rows)} {part} strains and {len(kept)} loci "
                f"({'; '.join(qc_log)}). Relax the thresholds of qc."
            )
    if not missing.any():
        return Cleaned(genotypes, kept, kept, split, qc_log)
    filled = _filled(genotypes[:, kept], table.take(kept), split, impute, qc_log)
    return Cleaned(filled, np.arange(len(kept)), kept, split, qc_log)


def _strains(
    genotypes: np.ndarray, twins_among: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Share of loci that each strain lacks, and whether it repeats an earlier one of those among
    which twins are looked for, (N,) bool: (N,) each.
    """
    missing = np.empty(len(genotypes))
    twice, seen = np.zeros(len(genotypes), bool), set()
    for start in range(0, len(genotypes), BLOCK):
        block = genotypes[start : start + BLOCK]
        missing[start : start + BLOCK] = missing_genotypes(block).mean(axis=1)
        for row, strain in enumerate(block if twins_among is not None else (), start=start):
            if not twins_among[row]:
                continue
            content = strain.tobytes()
            twice[row] = content in seen
            seen.add(content)
    return missing, twice


def _loci(
    genotypes: np.ndarray, rows: np.ndarray, min_maf: float, max_missing: float, vary: bool
) -> tuple[np.ndarray, list[str]]:
    """The loci that stay, by the strains `rows`, and why the others left."""
    n_loci = genotypes.shape[1]
    there, total = np.zeros(n_loci), np.zeros(n_loci)
    low, high = np.full(n_loci, np.inf), np.full(n_loci, -np.inf)
    rows = np.sort(rows)  # in the file's order
    for start in range(0, len(rows), BLOCK):
        block = genotypes[rows[start : start + BLOCK]]
        seen = ~missing_genotypes(block)
        there += seen.sum(axis=0)
        total += np.where(seen, block, 0).sum(axis=0, dtype=np.float64)
        low = np.minimum(low, np.where(seen, block, np.inf).min(axis=0))
        high = np.maximum(high, np.where(seen, block, -np.inf).max(axis=0))
    frequency = (total / np.maximum(there, 1) + 1) / 2
    kept, qc_log = np.ones(n_loci, bool), []
    for gone, why in (
        (there == 0, "no genotype among the training strains"),
        (1 - there / max(len(rows), 1) > max_missing,
         f"no genotype in more than {max_missing:.0%} of the training strains"),
        ((low >= high) & vary, "no variation among the training strains"),
        (np.minimum(frequency, 1 - frequency) < min_maf - 1e-12,
         f"an allele rarer than {min_maf:g} among the training strains"),
    ):  # fmt: skip
        newly = gone & kept
        if newly.any():
            noun = "locus" if newly.sum() == 1 else "loci"
            qc_log.append(f"{newly.sum():,} {noun} removed: {why}")
            kept &= ~gone
    return np.flatnonzero(kept), qc_log


def _filled(
    genotypes: np.ndarray, table: pa.Table, split: Split, impute: str, qc_log: list[str]
) -> np.ndarray:
    gaps = missing_genotypes(genotypes)
    # With cells, a strain may be in several parts.
    of_split = gaps[np.unique(np.concatenate(list(split.values())))]
    if not of_split.any():
        return genotypes
    share = f"{of_split.sum()} genotypes ({of_split.mean():.2%})"
    if impute == "refuse":
        raise UserError(f"{share} are missing. qc.impute=mean or nearest fills them in.")
    qc_log.append(f"{share} filled in by the {impute}" + (" locus" * (impute == "nearest")))
    if impute == "nearest":
        genotypes = nearest_genotypes(genotypes, gaps, table)
        gaps = missing_genotypes(genotypes)  # a strain without a call on a whole chromosome
        if not gaps.any():
            return genotypes
    train = split["train"]
    there = (~gaps[train]).sum(axis=0)
    values = genotypes.astype(np.float32)
    mean = np.where(gaps[train], 0, values[train]).sum(axis=0, dtype=np.float64) / there
    return np.where(gaps, mean.astype(np.float32), values)


def nearest_genotypes(genotypes: np.ndarray, gaps: np.ndarray, table: pa.Table) -> np.ndarray:
    """Each gap filled from the nearest locus of its chromosome that the strain has, if any.

    Of two as near, the earlier one.
    """
    filled = genotypes.copy()
    chromosomes = np.asarray(table["chromosome"].to_pylist())
    positions = np.asarray(table["position"].to_pylist())
    for chromosome in dict.fromkeys(chromosomes.tolist()):
        columns = np.flatnonzero(chromosomes == chromosome)
        place = positions[columns]
        for row in np.flatnonzero(gaps[:, columns].any(axis=1)):
            empty = gaps[row, columns]
            known = np.flatnonzero(~empty)
            if not len(known):
                continue
            wanted = place[empty]
            after = np.searchsorted(place[known], wanted).clip(0, len(known) - 1)
            before = (after - 1).clip(0)
            nearer = np.abs(place[known[before]] - wanted) <= np.abs(place[known[after]] - wanted)
            chosen = known[np.where(nearer, before, after)]
            filled[row, columns[empty]] = genotypes[row, columns[chosen]]
    return filled
