"""The panel: what every source reads into and everything after it works on."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import pyarrow as pa

from g2p.core.errors import DataError
from g2p.core.phrases import listed, nearest
from g2p.data.name_checks import refuse_control_characters

UNKNOWN = "unknown"  # the chromosome that sources without a map give; positions then only count
NO_CALL = -128  # a missing call in an int8 panel
BLOCK = 1024  # strains worked on at once


def missing_genotypes(genotypes: np.ndarray) -> np.ndarray:
    """Where genotypes are missing, bool of the same shape."""
    if genotypes.dtype == np.int8:
        return genotypes == NO_CALL
    return np.isnan(genotypes)


@dataclass(frozen=True, eq=False)
class Panel:
    """Genotypes and phenotypes of N strains at L loci in P phenotypes.

    Attributes:
        genotypes: (N, L) int8 calls (-1, 0, 1; `NO_CALL` where missing), or float16 or float32
            values in [-1, 1] (NaN where missing).
        phenotypes: (N, P) float64 in the source's own units; NaN where missing.
        strains: the N strain names, in file order.
        phenotype_names: the P names; none in a panel that is only to be predicted.
        loci: the locus table: columns id, chromosome, position (bp), in genome order; and, where
            the source knows, allele_0 (coded -1) and allele_1 (coded 1), and further columns of
            the source (gene, published_effect), which nothing computes with.
        aliases: other names of phenotypes, alias -> name.
        noise_ceiling: by phenotype name, the R2 of a perfect predictor, where the source knows it.
        strain_table: what else the source says of each strain (family, batch, fold, ...), a row a
            strain; None where nothing.
        truth: effects and interacting sets of a simulated panel, as plain lists; else None.
        standard_errors: (N, P) float64 of the phenotypes, in their units, NaN where unknown; None
            where the source has none.
    """

    genotypes: np.ndarray
    phenotypes: np.ndarray
    strains: list[str]
    phenotype_names: list[str]
    loci: pa.Table
    aliases: dict[str, str] = field(default_factory=dict)
    noise_ceiling: dict[str, float] = field(default_factory=dict)
    strain_table: pa.Table | None = None
    truth: dict | None = None
    standard_errors: np.ndarray | None = None

    def columns(self, wanted: str | list[str], key: str = "phenotype") -> list[int]:
        """Return columns of the phenotypes `wanted` (a name, names, or "all"), in panel order.

        Order and aliases do not matter, so that two spellings of the same phenotypes are the same
        run. `key` is the option, for messages.

        Raises:
            DataError: for a name that is neither a phenotype nor an alias, with the nearest match.
        """
        if not self.phenotype_names:
            raise DataError(
                "this panel has genotypes only: a run can predict it, but not train on it. "
                "Set data.phenotypes to train."
            )
        if wanted == "all":
            return list(range(len(self.phenotype_names)))
        indices = set()
        for name in [wanted] if isinstance(wanted, str) else wanted:
            phenotype = self.aliases.get(name, name)
            if phenotype not in self.phenotype_names:
                names = [*self.phenotype_names, *self.aliases]
                raise DataError(
                    f"{key}: this panel has no phenotype '{name}'.{nearest(name, names)} "
                    f"It has: {listed(names)}{'; or all' * (key == 'phenotype')}."
                )
            indices.add(self.phenotype_names.index(phenotype))
        if not indices:
            raise DataError("phenotype: the list is empty. Name at least one phenotype, or all.")
        return sorted(indices)


def validate(panel: Panel, origin: str) -> Panel:
    """Check that the parts of a panel fit together, and return it.

    Raises:
        DataError: naming `origin` and what is wrong: sizes, duplicated names, values out of range.
    """
    n_strains, n_loci = panel.genotypes.shape
    if n_strains == 0 or n_loci == 0:
        raise DataError(f"{origin}: the panel is empty ({n_strains} strains, {n_loci} loci).")
    if panel.phenotypes.shape != (n_strains, len(panel.phenotype_names)):
        raise DataError(
            f"{origin}: phenotypes are {panel.phenotypes.shape}, "
            f"expected ({n_strains}, {len(panel.phenotype_names)})."
        )
    for what, names, expected in (
        ("strain", panel.strains, n_strains),
        ("locus", panel.loci["id"].to_pylist(), n_loci),
        ("phenotype", panel.phenotype_names, len(panel.phenotype_names)),
    ):
        if len(names) != expected:
            raise DataError(f"{origin}: {len(names)} {what} names for {expected} of them.")
        if len(set(names)) != expected:
            twice = [name for name, count in Counter(names).items() if count > 1]
            raise DataError(f"{origin}: {what} names appear more than once: {listed(twice, 5)}.")
        refuse_control_characters(names, count(1), f"{origin}, {what}", "the name")
    if "all" in panel.phenotype_names:
        raise DataError(f"{origin}: a phenotype cannot be called 'all', which means all of them.")
    for start in range(0, n_strains, BLOCK):  # a panel may be larger than memory
        block = panel.genotypes[start : start + BLOCK]
        block = block[~missing_genotypes(block)]
        if block.size and (block.min() < -1 or block.max() > 1):
            raise DataError(
                f"{origin}: genotypes must lie in [-1, 1]; these go from {block.min():g} to "
                f"{block.max():g}."
            )
    if np.isinf(panel.phenotypes).any():
        raise DataError(f"{origin}: phenotypes must be finite (leave a missing one empty).")
    if panel.standard_errors is not None:
        if panel.standard_errors.shape != panel.phenotypes.shape:
            raise DataError(
                f"{origin}: standard errors are {panel.standard_errors.shape}, expected "
                f"{panel.phenotypes.shape} as the phenotypes."
            )
        if (panel.standard_errors < 0).any() or np.isinf(panel.standard_errors).any():
            raise DataError(
                f"{origin}: standard errors must be finite and not below 0 (leave an unknown one "
                "empty)."
            )
    return panel
