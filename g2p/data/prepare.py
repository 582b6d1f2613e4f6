"""From panel and split to what a model is fitted on: chosen, thinned, standardised."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from g2p.data.loci import independent_loci
from g2p.data.panel import Panel
from g2p.data.scale import Scaler
from g2p.data.split import Split
from g2p.errors import UserError
from g2p.options import Above, AtMost, OnlyIf

# What a panel's locus table says of each locus, and a checkpoint after it.
LOCUS_COLUMNS = ("id", "chromosome", "position")


@dataclass(frozen=True, eq=False)
class Prepared:
    """What every model and baseline is fitted on.

    Attributes:
        genotypes: (N, L) of the kept loci, int8 or float32.
        phenotypes: (N, P) float32, standardised by the training strains, NaN where missing.
        observed: (N, P) float64, the same in original units.
        scaler: between the two.
        split: rows of train, val and test.
        strains: the N names.
        phenotype_names: the P names.
        loci: the locus table of the L kept loci: id, chromosome, position (bp).
    """

    genotypes: np.ndarray
    phenotypes: np.ndarray
    observed: np.ndarray
    scaler: Scaler
    split: Split
    strains: list[str]
    phenotype_names: list[str]
    loci: pa.Table

    def inputs(self) -> dict:
        """What a checkpoint keeps beside its weights, to predict other strains: plain values."""
        return {
            "loci": {column: self.loci[column].to_pylist() for column in LOCUS_COLUMNS},
            "phenotypes": self.phenotype_names,
            "mean": self.scaler.mean.tolist(),
            "sd": self.scaler.sd.tolist(),
        }

    def genome(self) -> np.ndarray:
        """Chromosome (numbered from 0 as they first appear) and position (bp), (L, 2)."""
        chromosome = pc.dictionary_encode(self.loci["chromosome"]).combine_chunks().indices
        return np.stack([chromosome.to_numpy(), self.loci["position"].to_numpy()], axis=1)


def prepare(
    panel: Panel,
    split: Split,
    columns: list[int],
    target: str | None = None,
    *,
    max_correlation: Annotated[float | None, Above(0), AtMost(1)],
    loci_from: Annotated[Literal["train", "train_val"], OnlyIf("max_correlation")],
    missing: Literal["mask", "drop_strain"],
) -> Prepared:
    """Choose, thin and standardise; nothing here looks at a test strain.

    Args:
        panel: the whole panel.
        split: rows of its strains.
        columns: the phenotypes to predict.
        target: the one of a transfer (`g2p.data.transfer`): it may lack values to validate on, and
            training strains of which nothing is known leave.
        max_correlation: threshold of `independent_loci`; None keeps all loci.
        loci_from: whose genotypes choose the loci; `train_val` is the published practice.
        missing: `mask` leaves a missing value out where it is missing; `drop_strain` drops a strain
            that lacks any of the chosen phenotypes, from every part of the split.

    Raises:
        UserError: for a phenotype without values or variance, or a part without enough of them.
    """
    names = [panel.phenotype_names[c] for c in columns]
    observed = panel.phenotypes[:, columns]
    for values, name in zip(observed.T, names, strict=True):
        if np.isnan(values).all():
            raise UserError(f"phenotype '{name}' has no values.")
    if missing == "drop_strain":
        complete = np.isfinite(observed).all(axis=1)
        split = {part: rows[complete[rows]] for part, rows in split.items()}
    _check_values(observed, split, names, target)

    genotypes, loci = panel.genotypes, panel.loci
    if max_correlation is not None:
        looked_at = [split["train"], split["val"]] if loci_from == "train_val" else [split["train"]]
        kept = independent_loci(genotypes[np.concatenate(looked_at)], max_correlation)
        genotypes, loci = genotypes[:, kept], loci.take(kept)

    if target is not None:  # after thinning: fine-tuning needs the loci of the run before it
        known = np.isfinite(observed).any(axis=1)
        split = {**split, "train": split["train"][known[split["train"]]]}
    scaler = Scaler.fit(observed[split["train"]])
    return Prepared(
        genotypes=np.ascontiguousarray(genotypes),
        phenotypes=scaler.standardise(observed).astype(np.float32),
        observed=observed,
        scaler=scaler,
        split=split,
        strains=panel.strains,
        phenotype_names=names,
        loci=loci,
    )


def _check_values(observed: np.ndarray, split: Split, names: list[str], target: str | None) -> None:
    """R2 needs two different values in each part, and so does standardising."""
    for part, rows in split.items():
        for values, name in zip(observed[rows].T, names, strict=True):
            if part == "val" and name == target:
                continue
            values = values[np.isfinite(values)]
            if len(values) < 2:
                raise UserError(
                    f"phenotype '{name}' has {len(values)} values among the {len(rows)} {part} "
                    "strains; at least 2 are needed."
                )
            with np.errstate(over="ignore"):
                variance = values.var()
            if not np.isfinite(variance):
                raise UserError(f"phenotype '{name}' has values too large to square.")
            if np.ptp(values) == 0:
                raise UserError(
                    f"phenotype '{name}' has no variance: its {len(values)} values among the "
                    f"{part} strains are all {values[0]:g}."
                )
