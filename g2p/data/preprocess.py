"""From panel and split to a model's training data: cleaned, LD-pruned, standardised."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from g2p.config.constraints import Above, AtLeast, AtMost, NeutralAt, OnlyIf
from g2p.core.errors import DataError
from g2p.core.phrases import plural
from g2p.data.covariates import Design, fit_design
from g2p.data.genotype_cache import PrunedGenotypes, cached_genotypes, prune_genotypes
from g2p.data.panel import BLOCK, Panel
from g2p.data.scaler import Scaler
from g2p.data.split import SUBSETS, Split
from g2p.data.strain_cells import strain_cells


@dataclass(frozen=True, eq=False)
class Covariates:
    """The covariates of a panel's strains, and their effects once they are estimated.

    Attributes:
        design: what the columns are.
        values: (N, C), the design of the strains.
        effects: (C, P), in original units (`g2p.training.covariates`).
        part: (N, P), what they add up to, in standardised units.
    """

    design: Design
    values: np.ndarray
    effects: np.ndarray | None = None
    part: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """The data that every model and baseline is fitted on.

    Attributes:
        genotypes: (N, L), int8 or float32, nothing missing in the split's strains.
        phenotypes: (N, P) float32, standardised by the training strains, NaN where missing; the
            effects of covariates are taken out of them (`g2p.training.covariates`).
        observed: (N, P) float64, the same in original units.
        scaler: between the two.
        split: rows of train, val and test; its cells, where it has any, are (N, P).
        strains: the N names.
        phenotype_names: the P names.
        loci: the locus table of the L loci: id, chromosome, position (bp), alleles if known.
        qc_log: what quality control removed and filled in, and what covariates are, a line each.
        panel_columns: (L,), which loci of the panel these are.
        n_panel_loci: number of the panel's loci.
        standard_errors: (N, P) of the phenotypes, in standardised units, NaN where unknown; None
            unless training strains are weighted by them.
        weights: (N, P) of the training strains' values, as `g2p.training.weights` computes them;
            None where all count alike.
        covariates: of the strains; None where a run has none.
        pruned: the object that holds the genotypes; while it lives, other runs share it.
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
    panel_columns: np.ndarray
    n_panel_loci: int
    standard_errors: np.ndarray | None = None
    weights: np.ndarray | None = None
    covariates: Covariates | None = None
    pruned: PrunedGenotypes | None = None

    def subset(self, subset: str) -> tuple[np.ndarray, np.ndarray]:
        """Return genotypes (n, L) and standardised phenotypes (n, P) of one subset of the split."""
        rows = self.split[subset]
        return self.genotypes[rows], only_subset(self.phenotypes, self.split, subset)[rows]

    def fixed(self, subset: str) -> np.ndarray | None:
        """Return what covariates add to a subset's standardised phenotypes, (n, P), if anything."""
        part = None if self.covariates is None else self.covariates.part
        return None if part is None else part[self.split[subset]]

    def inputs(self) -> dict:
        """Return what a checkpoint stores to predict other strains, as plain values."""
        inputs = {
            "loci": self.loci.to_pydict(),
            "phenotypes": self.phenotype_names,
            "mean": self.scaler.mean.tolist(),
            "sd": self.scaler.sd.tolist(),
            # Fills in a locus that other strains lack.
            "mean_genotype": _mean_genotype(self.genotypes, self.split["train"]),
            # Finds these loci in an array of all loci of the panel.
            "panel_columns": self.panel_columns.tolist(),
            "n_panel_loci": self.n_panel_loci,
        }
        if self.covariates is not None and self.covariates.effects is not None:
            inputs["covariates"] = self.covariates.design.as_plain()
            inputs["covariates"]["effects"] = self.covariates.effects.tolist()
        return inputs

    def genome(self) -> np.ndarray:
        """Return chromosome (numbered from 0 as they first appear) and position (bp), (L, 2)."""
        chromosome = pc.dictionary_encode(self.loci["chromosome"]).combine_chunks().indices
        return np.stack([chromosome.to_numpy(), self.loci["position"].to_numpy()], axis=1)


def only_subset(values: np.ndarray, split: Split, subset: str) -> np.ndarray:
    """Return `values` (N, P), NaN where the split's cells assign them to another subset."""
    if split.cells is None:
        return values
    return np.where(split.cells == SUBSETS.index(subset), values, np.nan).astype(values.dtype)


def _mean_genotype(genotypes: np.ndarray, rows: np.ndarray) -> list[float]:
    blocks = np.array_split(rows, -(-len(rows) // BLOCK))  # of a panel larger than memory
    sums = [genotypes[block].sum(axis=0, dtype=np.float64) for block in blocks]
    return (np.sum(sums, axis=0) / len(rows)).tolist()


def prepare(
    panel: Panel,
    split: Split,
    columns: list[int],
    quality: Mapping,
    target: str | None = None,
    cache_file: Path | None = None,
    *,
    max_correlation: Annotated[float | None, Above(0), AtMost(1)],
    loci_from: Annotated[Literal["train", "train_val"], OnlyIf("max_correlation")],
    missing: Literal["mask", "drop_strain"],
    weights: Annotated[Literal["none", "inverse_variance"], NeutralAt("none")],
    covariates: Annotated[list, NeutralAt([])],
    categorical: Annotated[list, NeutralAt([])],
    principal_components: Annotated[int, AtLeast(0), NeutralAt(0)],
) -> Prepared:
    """Choose, clean, LD-prune and standardise; nothing that is fitted here looks at a test strain.

    Args:
        panel: the whole panel.
        split: rows of its strains.
        columns: the phenotypes to predict.
        quality: the options of `g2p.data.quality_control.clean`.
        target: that of a transfer (`g2p.data.transfer`): it may lack values to validate on, and
            training strains without any value are removed.
        cache_file: for the cleaned and pruned genotypes of a large panel; its name stands for all
            that they depend on but the split.
        max_correlation: threshold of `ld_prune`; None keeps all loci.
        loci_from: whose genotypes choose the loci; `train_val` is the published practice.
        missing: `mask` leaves a missing value out where it is missing; `drop_strain` drops a strain
            that lacks any of the chosen phenotypes, from every subset of the split.
        weights: `inverse_variance` adds the standard errors that weights are computed from.
        covariates: columns of the strain table that are fixed effects.
        categorical: those of them whose numbers are names of groups.
        principal_components: of the training strains' genotypes, further fixed effects.

    Raises:
        DataError: for a phenotype without values or variance, or a subset without enough
            of them; for weights without standard errors; and what `clean` and `fit_design` raise.
    """
    names = [panel.phenotype_names[c] for c in columns]
    observed = panel.phenotypes[:, columns]
    empty = [f"'{names[p]}'" for p in np.flatnonzero(np.isnan(observed).all(axis=0))]
    if empty:
        raise DataError(f"phenotype {', '.join(empty)} has no values. Others: phenotype=[a,b].")
    if split.cells is not None:
        split = Split(split, split.cells[:, columns])
    if missing == "drop_strain":
        split = split.only(np.all(np.isfinite(observed), axis=1))

    def make() -> PrunedGenotypes:
        folder = cache_file and cache_file.parent
        return prune_genotypes(panel, split, quality, max_correlation, loci_from, folder)

    _check_values(observed, split, names, target)
    pruned = make() if cache_file is None else cached_genotypes(cache_file, panel, split, make)
    split = pruned.split
    if pruned.qc_log:  # strains may have been removed
        _check_values(observed, split, names, target)
    if target is not None:  # after pruning: fine-tuning needs the loci of its base
        split = split.only(np.any(np.isfinite(observed), axis=1), "train")
    train = split["train"]
    scaler = Scaler.fit(only_subset(observed, split, "train")[train])
    fitted, log = None, []
    if covariates or principal_components or categorical:
        design, log = fit_design(
            panel, split, pruned.genotypes, covariates, categorical, principal_components
        )
        cells = strain_cells(panel, covariates)
        fitted = Covariates(design, design.matrix(cells, pruned.genotypes))
    return Prepared(
        genotypes=pruned.genotypes,
        phenotypes=scaler.standardise(observed).astype(np.float32),
        observed=observed,
        scaler=scaler,
        split=split,
        strains=panel.strains,
        phenotype_names=names,
        loci=panel.loci.take(pruned.loci),
        qc_log=pruned.qc_log + log,
        panel_columns=pruned.loci,
        n_panel_loci=len(panel.loci),
        standard_errors=None if weights == "none" else _standard_errors(panel, columns, scaler),
        covariates=fitted,
        pruned=pruned,
    )


def _standard_errors(panel: Panel, columns: list[int], scaler: Scaler) -> np.ndarray:
    if panel.standard_errors is None:
        raise DataError(
            "data.weights=inverse_variance: this panel has no standard errors. data=bbq_li and "
            "data=bbq data.source=raw have them, and a table where a phenotype has a column "
            "with _se behind its name. Use data.weights=none."
        )
    return panel.standard_errors[:, columns] / scaler.sd


def _check_values(observed: np.ndarray, split: Split, names: list[str], target: str | None) -> None:
    """Raise unless each subset has two different values, which R2 and standardising need."""
    for subset, rows in split.items():
        for values, name in zip(only_subset(observed, split, subset)[rows].T, names, strict=True):
            if subset == "val" and name == target:
                continue
            values = values[np.isfinite(values)]
            if len(values) < 2:
                raise DataError(
                    f"phenotype '{name}' has {plural(len(values), 'value')} among the "
                    f"{plural(len(rows), f'{subset} strain')}; at least 2 are needed."
                )
            with np.errstate(over="ignore"):
                variance = values.var()
            if not np.isfinite(variance):
                raise DataError(f"phenotype '{name}' has values too large to square.")
            if variance < np.finfo(float).tiny and np.ptp(values) > 0:
                raise DataError(
                    f"phenotype '{name}' has values too small to square. Use another unit."
                )
            if np.ptp(values) == 0:
                raise DataError(
                    f"phenotype '{name}' has no variance: its {len(values)} values among the "
                    f"{subset} strains are all {values[0]:g}."
                )
