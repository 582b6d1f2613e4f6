"""The BYxRM cross of Bloom et al. 2013 (Nature 494:234), from its two published text files.

Genotypes: tab-separated, loci x strains, a header `marker` and the strain names, alleles B and R.
A marker's name contains its position: `27915_chr01_27915_T_C` lies on chr01 at 27,915 bp.
Phenotypes: tab-separated, strains x phenotypes, a header that starts with a tab, missing values
empty or NA. Either file may be gzipped.
"""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from g2p.core.errors import DataError
from g2p.core.phrases import listed
from g2p.data.panel import Panel
from g2p.data.panel_store import files_fingerprint, stored_panel
from g2p.data.sources.delimited_text import read_phenotypes, read_table

# Increase when the same files would be read into another panel.
VERSION = 1

GENOTYPES, PHENOTYPES = "BYxRM_GenoData.txt", "BYxRM_PhenoData.txt"
MARKER = re.compile(r"\d+_(chr(\d{1,9}))_(\d{1,18})_")


def read(*, folder: Path, files: Path) -> tuple[Panel, str]:
    """Return the cross and its fingerprint, from the store in `folder` or the folder `files`.

    Raises:
        DataError: naming file and line, for a file that is absent, empty, cut short or malformed,
            for an allele other than B and R, and for strains that differ between the two files.
    """
    genotype_file, phenotype_file = _find(files, GENOTYPES), _find(files, PHENOTYPES)
    fingerprint = files_fingerprint(folder, VERSION, {}, [genotype_file, phenotype_file])
    build = lambda: _read(genotype_file, phenotype_file)  # noqa: E731
    return stored_panel(folder, "byxrm", fingerprint, build), fingerprint


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise DataError(
        f"data=byxrm: {folder / name} (or {name}.gz) does not exist. "
        f"Put {GENOTYPES} and {PHENOTYPES}, "
        f"from the supplementary data of Bloom et al. 2013 (doi 10.1038/nature11867), plain or "
        f"gzipped, into {folder}, or set paths.data (environment: G2P_DATA) to the folder above."
    )


def _read(genotype_file: Path, phenotype_file: Path) -> Panel:
    strains, loci, genotypes = read_genotypes(genotype_file)
    phenotype_strains, names, phenotypes = read_phenotypes(phenotype_file)
    row_of = {strain: row for row, strain in enumerate(phenotype_strains)}
    missing = [strain for strain in strains if strain not in row_of]
    extra = sorted(set(phenotype_strains) - set(strains))
    if missing or extra:
        raise DataError(
            f"{genotype_file} and {phenotype_file} hold different strains: "
            f"{len(missing)} have no phenotypes ({listed(missing, 3) or 'none'}), "
            f"{len(extra)} have no genotypes ({listed(extra, 3) or 'none'})."
        )
    rows = [row_of[strain] for strain in strains]
    return Panel(
        genotypes=genotypes,
        phenotypes=phenotypes[rows],
        strains=strains,
        phenotype_names=names,
        loci=loci,
    )


def read_genotypes(file: Path) -> tuple[list[str], pa.Table, np.ndarray]:
    """Read strain names, locus table and genotypes (N, L) int8, B as -1 and R as +1."""
    table = read_table(file)
    strains = table.column_names[1:]
    markers = table.column(0).to_pylist()
    genotypes = np.empty((len(strains), len(markers)), np.int8)
    for i, strain in enumerate(strains):
        column = table.column(i + 1)
        is_r = pc.equal(column, "R").to_numpy()
        valid = is_r | pc.equal(column, "B").to_numpy()
        if not valid.all():
            row = int(np.argmin(valid))
            raise DataError(
                f"{file}, line {row + 2}, strain {strain}: allele {column[row].as_py()!r}; "
                "only B and R are allowed."
            )
        genotypes[i] = np.where(is_r, 1, -1)
    chromosomes, numbers, positions = [], [], []
    for line, marker in enumerate(markers, start=2):
        match = MARKER.match(marker)
        if match is None:
            raise DataError(
                f"{file}, line {line}: marker {marker!r} contains no chromosome and position "
                "(expected a name such as 27915_chr01_27915_T_C)."
            )
        chromosomes.append(match[1])
        numbers.append(int(match[2]))  # chr2 comes before chr10
        positions.append(int(match[3]))
    loci = pa.table({"id": markers, "chromosome": chromosomes, "position": positions})
    order = np.lexsort((positions, numbers))
    return strains, loci.take(order), np.ascontiguousarray(genotypes[:, order])
