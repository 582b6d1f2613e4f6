"""From panel and split to what a model is fitted on: chosen, cleaned, thinned, standardised."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from g2p.config.constraints import Above, AtMost, OnlyIf
from g2p.core.errors import UserError, plural
from g2p.data.genotype_cache import PrunedGenotypes, cached_genotypes, thin
from g2p.data.panel import Panel
from g2p.data.scaler import Scaler
from g2p.data.split import SUBSETS, Split


@dataclass(frozen=True, eq=False)
class Prepared:
    """What every model and baseline is fitted on.

    Attributes:
        genotypes: (N, L) of the kept loci, int8 or float32, nothing missing in the split's strains.
        phenotypes: (N, P) float32, standardised by the training strains, NaN where missing.
        observed: (N, P) float64, the same in original units.
        scaler: between the two.
        split: rows of train, val and test; its cells, where it has any, are (N, P).
        strains: the N names.
        phenotype_names: the P names.
        loci: the locus table of the L kept loci: id, chromosome, position (bp), alleles if known.
        account: what quality control removed and filled in, a line each.
        thinned: what the genotypes are of; where it is held, other runs share it.
    """

    genotypes: np.ndarray
    phenotypes: np.ndarray
    observed: np.ndarray
    scaler: Scaler
    split: Split
    strains: list[str]
    phenotype_names: list[str]
    loci: pa.Table
    qc_log: list[str]
    thinned: PrunedGenotypes | None = None

    def subset(self, subset: str) -> tuple[np.ndarray, np.ndarray]:
        """Genotypes (n, L) and standardised phenotypes (n, P) of one part of the split."""
        rows = self.split[subset]
        return self.genotypes[rows], only_subset(self.phenotypes, self.split, subset)[rows]

    def inputs(self) -> dict:
        """What a checkpoint keeps beside its weights, to predict other strains: plain values."""
        return {
            "loci": self.loci.to_pydict(),
            "phenotypes": self.phenotype_names,
            "mean": self.scaler.mean.tolist(),
            "sd": self.scaler.sd.tolist(),
            # What a locus that other strains lack is filled in with.
            "mean_genotype": _mean_genotype(self.genotypes, self.split["train"]),
        }

    def genome(self) -> np.ndarray:
        """Chromosome (numbered from 0 as they first appear) and position (bp), (L, 2)."""
        chromosome = pc.dictionary_encode(self.loci["chromosome"]).combine_chunks().indices
        return np.stack([chromosome.to_numpy(), self.loci["position"].to_numpy()], axis=1)


def only_subset(values: np.ndarray, split: Split, part: str) -> np.ndarray:
    """`values` (N, P), NaN where the split's cells say that they belong to another part."""
    if split.cells is None:
        return values
    return np.where(split.cells == SUBSETS.index(part), values, np.nan).astype(values.dtype)


def _mean_genotype(genotypes: np.ndarray, rows: np.ndarray) -> list[float]:
    return genotypes[rows].mean(axis=0, dtype=np.float64).tolist()


def prepare(
    panel: Panel,
    split: Split,
    columns: list[int],
    quality: Mapping,
    target: str | None = None,
    memory: Path | None = None,
    *,
    max_correlation: Annotated[float | None, Above(0), AtMost(1)],
    loci_from: Annotated[Literal["train", "train_val"], OnlyIf("max_correlation")],
    missing: Literal["mask", "drop_strain"],
) -> Prepared:
    """Choose, clean, thin and standardise; nothing that is fitted here looks at a test strain.

    Args:
        panel: the whole panel.
        split: rows of its strains.
        columns: the phenotypes to predict.
        quality: the options of `g2p.data.quality_control.clean`.
        target: the one of a transfer (`g2p.data.transfer`): it may lack values to validate on, and
            training strains of which nothing is known leave.
        memory: a file for the cleaned and thinned genotypes of a large panel; its name stands for
            all that they depend on.
        max_correlation: threshold of `ld_prune`; None keeps all loci.
        loci_from: whose genotypes choose the loci; `train_val` is the published practice.
        missing: `mask` leaves a missing value out where it is missing; `drop_strain` drops a strain
            that lacks any of the chosen phenotypes, from every part of the split.

    Raises:
        UserError: for a phenotype without values or variance, or a part without enough of them;
            and what `clean` raises.
    """
    names = [panel.phenotype_names[c] for c in columns]
    observed = panel.phenotypes[:, columns]
    for values, name in zip(observed.T, names, strict=True):
        if np.isnan(values).all():
            raise UserError(f"phenotype '{name}' has no values.")
    if split.cells is not None:
        split = Split(split, split.cells[:, columns])
    if missing == "drop_strain":
        split = split.only(np.isfinite(observed).all(axis=1))

    def make() -> PrunedGenotypes:
        return thin(panel, split, quality, max_correlation, loci_from)

    _check_values(observed, split, names, target)
    thinned = make() if memory is None else cached_genotypes(memory, panel, make)
    split = thinned.split
    if thinned.qc_log:  # strains may have left
        _check_values(observed, split, names, target)
    if target is not None:  # after thinning: fine-tuning needs the loci of the run before it
        split = split.only(np.isfinite(observed).any(axis=1), "train")
    train = split["train"]
    scaler = Scaler.fit(only_subset(observed, split, "train")[train])
    return Prepared(
        genotypes=thinned.genotypes,
        phenotypes=scaler.standardise(observed).astype(np.float32),
        observed=observed,
        scaler=scaler,
        split=split,
        strains=panel.strains,
        phenotype_names=names,
        loci=panel.loci.take(thinned.loci),
        qc_log=thinned.qc_log,
        thinned=thinned,
    )


def _check_values(observed: np.ndarray, split: Split, names: list[str], target: str | None) -> None:
    """R2 needs two different values in each part, and so does standardising."""
    for part, rows in split.items():
        for values, name in zip(only_subset(observed, split, part)[rows].T, names, strict=True):
            if part == "val" and name == target:
                continue
            values = values[np.isfinite(values)]
            if len(values) < 2:
                raise UserError(
                    f"phenotype '{name}' has {plural(len(values), 'value')} among the "
                    f"{plural(len(rows), f'{part} strain')}; at least 2 are needed."
                )
            with np.errstate(over="ignore"):
                variance = values.var()
            if not np.isfinite(variance):
                raise UserError(f"phenotype '{name}' has values too large to square.")
            if variance < np.finfo(float).tiny and np.ptp(values) > 0:
                raise UserError(
                    f"phenotype '{name}' has values too small to square. Give it another unit."
                )
            if np.ptp(values) == 0:
                raise UserError(
                    f"phenotype '{name}' has no variance: its {len(values)} values among the "
                    f"{part} strains are all {values[0]:g}."
                )
