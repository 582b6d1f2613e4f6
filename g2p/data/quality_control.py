"""Quality control: remove strains and loci before anything is fitted, and fill gaps.

Thresholds on loci look at the training strains alone; missingness of a strain at that strain alone.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa

from g2p.config.constraints import AtLeast, AtMost, Below
from g2p.core.errors import DataError
from g2p.core.phrases import plural
from g2p.data.large_arrays import blocks_of, new_array
from g2p.data.panel import BLOCK, missing_genotypes
from g2p.data.repeated_strains import find_repeated, twins_note
from g2p.data.split import Split


@dataclass(frozen=True, eq=False)
class Cleaned:
    """The panel after quality control.

    Attributes:
        genotypes: nothing missing among the remaining strains and loci. Where something was filled
            in, these loci only; else the panel's own, which may not fit into memory.
        columns: of `genotypes`, that remain.
        loci: of the panel, the same ones.
        split: without the strains that were removed.
        qc_log: a line for each thing that was removed or filled in, and a warning where test
            strains repeat training strains; empty where there is nothing to say.
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
    folder: Path | None = None,
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
        folder: for genotypes that are large (`g2p.data.large_arrays`) once gaps are filled in.
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
        DataError: when nothing remains, or something is missing and `impute` refuses.
    """
    qc_log = []
    inside = np.zeros(len(genotypes), bool)
    inside[np.concatenate(list(split.values()))] = True
    missing, digests = _missing_and_digests(genotypes)
    repeated = find_repeated(digests, inside & (duplicates == "drop"))
    for gone, why in (
        (missing > max_missing_strain, f"more than {max_missing_strain:.0%} of the loci missing"),
        (repeated, "the genotypes of an earlier strain"),
    ):
        if (gone & inside).any():
            qc_log.append(f"{plural(int((gone & inside).sum()), 'strain')} removed: {why}")
            split = split.only(~gone)
            inside &= ~gone
    remaining, removed = _remaining_loci(
        genotypes, split["train"], min_maf, max_missing_locus, monomorphic == "drop"
    )
    qc_log += removed
    for subset, rows in split.items():
        if not len(rows) or not len(remaining):
            raise DataError(
                f"quality control leaves {len(rows)} {subset} strains and {len(remaining)} loci "
                f"({'; '.join(qc_log)}). Relax the thresholds in qc."
            )
    if note := twins_note(digests, split, genotypes.shape[1]):
        qc_log.append(note)
    filled = None
    if missing.any():
        filled = _fill_gaps(
            genotypes, remaining, table.take(remaining), split, impute, qc_log, folder
        )
    if filled is None:
        return Cleaned(genotypes, remaining, remaining, split, qc_log)
    return Cleaned(filled, np.arange(len(remaining)), remaining, split, qc_log)


def _missing_and_digests(genotypes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of loci that each strain lacks, (N,), and a digest of its genotypes."""
    missing, digests = np.empty(len(genotypes)), np.empty(len(genotypes), np.uint64)
    for start in range(0, len(genotypes), BLOCK):
        block = genotypes[start : start + BLOCK]
        missing[start : start + BLOCK] = missing_genotypes(block).mean(axis=1)
        digests[start : start + BLOCK] = [
            int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest()) for row in block
        ]
    return missing, digests


def _remaining_loci(
    genotypes: np.ndarray, rows: np.ndarray, min_maf: float, max_missing: float, vary: bool
) -> tuple[np.ndarray, list[str]]:
    """Return the loci that remain, judged by the strains `rows`, and why others are removed."""
    n_loci = genotypes.shape[1]
    n_called, total = np.zeros(n_loci), np.zeros(n_loci)
    low, high = np.full(n_loci, np.inf), np.full(n_loci, -np.inf)
    rows = np.sort(rows)  # in the file's order
    for start in range(0, len(rows), BLOCK):
        block = genotypes[rows[start : start + BLOCK]]
        called = ~missing_genotypes(block)
        n_called += called.sum(axis=0)
        total += np.where(called, block, 0).sum(axis=0, dtype=np.float64)
        low = np.minimum(low, np.where(called, block, np.inf).min(axis=0))
        high = np.maximum(high, np.where(called, block, -np.inf).max(axis=0))
    frequency = (total / np.maximum(n_called, 1) + 1) / 2
    remaining, qc_log = np.ones(n_loci, bool), []
    for gone, why in (
        (n_called == 0, "no genotype among the training strains"),
        (1 - n_called / max(len(rows), 1) > max_missing,
         f"no genotype in more than {max_missing:.0%} of the training strains"),
        ((low >= high) & vary, "no variation among the training strains"),
        (np.minimum(frequency, 1 - frequency) < min_maf - 1e-12,
         f"an allele rarer than {min_maf:g} among the training strains"),
    ):  # fmt: skip
        removed_here = gone & remaining
        if removed_here.any():
            noun = "locus" if removed_here.sum() == 1 else "loci"
            qc_log.append(f"{removed_here.sum():,} {noun} removed: {why}")
            remaining &= ~gone
    return np.flatnonzero(remaining), qc_log


def _fill_gaps(
    genotypes: np.ndarray, loci: np.ndarray, table: pa.Table, split: Split, impute: str,
    qc_log: list[str], folder: Path | None,
) -> np.ndarray | None:  # fmt: skip
    """Return (n, l), the genotypes of these loci without gaps; None where the split has none."""
    inside = _is_in(len(genotypes), list(split.values()))
    parts = (genotypes[block][inside[block]] for block in blocks_of(len(genotypes)))
    n_missing = sum(int(missing_genotypes(part[:, loci]).sum()) for part in parts)
    if not n_missing:
        return None
    share = f"{n_missing} genotypes ({n_missing / (inside.sum() * len(loci)):.2%})"
    if impute == "refuse":
        raise DataError(f"{share} are missing. qc.impute=mean or nearest fills them in.")
    qc_log.append(f"{share} filled in by the {impute}" + (" locus" * (impute == "nearest")))
    if impute == "nearest":
        filled, any_left = _from_nearest(genotypes, loci, table, folder)
        if not any_left:
            return filled
        genotypes, loci = filled, np.arange(len(loci))
    return _from_mean(genotypes, loci, _is_in(len(genotypes), [split["train"]]), folder)


def _is_in(n_strains: int, rows: list[np.ndarray]) -> np.ndarray:
    """Return (n,) bool; with cells, a strain may be in several subsets."""
    inside = np.zeros(n_strains, bool)
    inside[np.concatenate(rows)] = True
    return inside


def _from_nearest(
    genotypes: np.ndarray, loci: np.ndarray, table: pa.Table, folder: Path | None
) -> tuple[np.ndarray, bool]:  # fmt: skip
    filled = new_array((len(genotypes), len(loci)), genotypes.dtype, folder)
    any_left = False  # a strain without a call on a whole chromosome
    for block in blocks_of(len(genotypes)):
        part = genotypes[block][:, loci]
        filled[block] = nearest_genotypes(part, missing_genotypes(part), table)
        any_left |= bool(missing_genotypes(filled[block]).any())
    return filled, any_left


def _from_mean(
    genotypes: np.ndarray, loci: np.ndarray, train: np.ndarray, folder: Path | None
) -> np.ndarray:  # fmt: skip
    """Return (n, l) float32 with the mean of the strains `train`, (n,) bool, in each gap."""
    total, n_called = np.zeros(len(loci)), np.zeros(len(loci))
    for block in blocks_of(len(genotypes)):
        part = genotypes[block][train[block]][:, loci]
        called = ~missing_genotypes(part)
        total += np.where(called, part, 0).sum(axis=0, dtype=np.float64)
        n_called += called.sum(axis=0)
    mean = (total / n_called).astype(np.float32)
    filled = new_array((len(genotypes), len(loci)), np.float32, folder)
    for block in blocks_of(len(genotypes)):
        part = genotypes[block][:, loci]
        filled[block] = np.where(missing_genotypes(part), mean, part)
    return filled


def nearest_genotypes(genotypes: np.ndarray, gaps: np.ndarray, table: pa.Table) -> np.ndarray:
    """Fill each gap from the nearest called locus of the strain on its chromosome, if any.

    Of two as near, the earlier one.
    """
    filled = genotypes.copy()
    chromosomes = np.asarray(table["chromosome"].to_pylist())
    positions = np.asarray(table["position"].to_pylist())
    for chromosome in dict.fromkeys(chromosomes.tolist()):
        columns = np.flatnonzero(chromosomes == chromosome)
        at = positions[columns]
        for row in np.flatnonzero(gaps[:, columns].any(axis=1)):
            empty = gaps[row, columns]
            called = np.flatnonzero(~empty)
            if not len(called):
                continue
            wanted = at[empty]
            after = np.searchsorted(at[called], wanted).clip(0, len(called) - 1)
            before = (after - 1).clip(0)
            nearer = np.abs(at[called[before]] - wanted) <= np.abs(at[called[after]] - wanted)
            chosen = called[np.where(nearer, before, after)]
            filled[row, columns[empty]] = genotypes[row, columns[chosen]]
    return filled
