"""The BBQ panel: 99,950 segregants of a BY x RM yeast cross in 18 environments.

Nguyen Ba et al. 2022 (eLife 11:e73983). Two ways in:

arrays: `datasets.zip` of Zenodo record 15313069 (Arcadia Science 2025), downloaded unless it, or
    the six .npy files that it holds, lie in `files`. Genotypes are in [-1, 1], phenotypes
    standardised by the training strains. Strains are named by subset and row, `train_000000`.
raw: the text files of Dryad, put into `files` by hand: geno_data_1.txt to geno_data_5.txt
    (`g2p.data.sources.bbq_text`) and pheno_data_<environment>.txt
    (`g2p.data.sources.bbq_tables`), plain or gzipped, and loci.csv where there is one. Strains have
    their identifiers.

Loci without a table are locus_0001, ... on the chromosome "unknown", with their number as
position. The published split is the column `split` of the strain table.
"""

import random
import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from sklearn.model_selection import train_test_split

from g2p.core.atomic_files import read_json, write_json
from g2p.core.errors import DataError
from g2p.core.phrases import listed
from g2p.data.panel import Panel
from g2p.data.panel_store import (
    DamagedPanelError,
    files_fingerprint,
    open_panel,
    options_fingerprint,
    panel_file,
    stored_panel,
)
from g2p.data.sources.bbq_arrays import array_bytes, numbered_loci, read_arrays
from g2p.data.sources.bbq_tables import noise_ceiling, read_environment, read_loci
from g2p.data.sources.bbq_text import convert
from g2p.data.sources.download import from_record, locked
from g2p.data.sources.unpack import unpack
from g2p.data.sources.yeast import ALIASES, ENVIRONMENTS
from g2p.data.split import HELD_OUT, SUBSETS

# Increase when the same files would be read into another panel.
VERSION = 1

ARCHIVE = "datasets.zip"
ARRAYS = [f"{what}_{subset}.npy" for subset in SUBSETS for what in ("geno", "pheno")]
GENOTYPES = [f"geno_data_{i}.txt" for i in range(1, 6)]
PHENOTYPES = [f"pheno_data_{name}.txt" for name in ENVIRONMENTS]
LOCI = "loci.csv"
DRYAD = "https://datadryad.org/dataset/doi:10.5061/dryad.1rn8pk0vd"


def read(
    *,
    folder: Path,
    files: Path,
    source: Literal["arrays", "raw"],
    record: str,
    precision: Literal["float32", "float16"],
) -> tuple[Panel, str]:
    """Return the panel and its fingerprint, from the store in `folder`, the files or the record.

    Once the panel is stored, the files may be removed. Raw files that were converted before a kill
    or an error stay converted in `folder` for the next call.

    Args:
        folder: where panels are stored, and what is needed while one is built.
        files: the folder of the source's files.
        source: which files.
        record: address of the record of `datasets.zip`; used only when the files are absent.
        precision: of stored genotypes. float16 takes half the space; it holds -1, 0 and 1 exactly
            and any other genotype to within 2^-12 (0.00025).

    Raises:
        DataError: naming file and line, for files that are absent, cut short or malformed, and
            for a download that fails.
    """
    options = {"source": source, "precision": precision}
    files_key = options_fingerprint(VERSION, {**options, "files": str(files.resolve())})
    note = folder / f"bbq-{files_key}.json"
    paths = _find_arrays(files) if source == "arrays" else _find_texts(files)
    if not paths:
        stored_fingerprint = _noted_fingerprint(note)
        if stored_fingerprint and (panel := _stored(folder, stored_fingerprint)):
            return panel, stored_fingerprint
        if source == "raw":
            raise DataError(
                f"data=bbq: {files} has no files of source=raw. Download {GENOTYPES[0]}.gz to "
                f"{GENOTYPES[-1]}.gz and pheno_data_*.txt from {DRYAD} and put them there, or set "
                "paths.data (environment: G2P_DATA) to the folder above."
            )
        paths = unpack(from_record(record, ARCHIVE, files), ARRAYS, files, array_bytes)
    fingerprint = files_fingerprint(folder, VERSION, options, paths)
    scratch, dtype = folder / f"bbq-{source}.scratch", np.dtype(precision)

    def build() -> Panel:
        if source == "arrays":
            return read_arrays(paths, scratch, dtype)
        keys = [files_fingerprint(folder, VERSION, {}, [path]) for path in paths[: len(GENOTYPES)]]
        return _read_texts(paths, keys, scratch, dtype)

    resumable = source == "raw"  # what was converted before a kill or an error is reused
    with locked(folder / f".bbq-{source}.lock"):
        try:
            panel = stored_panel(folder, "bbq", fingerprint, build)
            resumable = False
        finally:
            if not resumable:
                shutil.rmtree(scratch, ignore_errors=True)
    if _noted_fingerprint(note) != fingerprint:
        write_json(note, {"fingerprint": fingerprint})
    return panel, fingerprint


def _noted_fingerprint(note: Path) -> str | None:
    """Return the fingerprint of the panel that was last made of this folder's files."""
    noted = read_json(note)
    return noted.get("fingerprint") if isinstance(noted, dict) else None


def _stored(folder: Path, fingerprint: str) -> Panel | None:
    """Return the panel of this fingerprint if it is stored; there are no files to build it from."""
    path = panel_file(folder, "bbq", fingerprint)

    def remove() -> None:
        path.unlink()
        raise DataError(
            f"{path} was damaged and is removed; the files that it was made of no longer exist. "
            "Run the same command again."
        )

    try:
        return open_panel(path, remove)
    except (FileNotFoundError, DamagedPanelError):
        return None


def _find_arrays(files: Path) -> list[Path]:
    """Return the six arrays, unpacked if need be; an empty list where none exists."""
    paths = [files / name for name in ARRAYS]
    missing = [path.name for path in paths if not path.is_file()]
    if not missing:
        return paths
    if (files / ARCHIVE).is_file():
        return unpack(files / ARCHIVE, ARRAYS, files, array_bytes)
    if len(missing) < len(paths):
        raise DataError(
            f"data=bbq: {files} has some arrays, but not {listed(missing)}. Put them there, or "
            "move the others away to have all of them downloaded."
        )
    return []


def _find_texts(files: Path) -> list[Path]:
    """Return genotype files, phenotype files and loci.csv if it exists; [] where none exists."""
    paths, missing = [], []
    for name in [*GENOTYPES, *PHENOTYPES]:
        matches = [path for path in (files / name, files / f"{name}.gz") if path.is_file()]
        paths += matches[:1]
        missing += [] if matches else [name]
    if paths and missing:
        raise DataError(
            f"data=bbq: {files} lacks {listed(missing, 5)} (or .gz). Download the missing "
            f"files from {DRYAD} into this folder."
        )
    return paths + [path for path in [files / LOCI] if paths and path.is_file()]


def _read_texts(paths: list[Path], keys: list[str], scratch: Path, dtype: np.dtype) -> Panel:
    genotype_files, paths = paths[: len(GENOTYPES)], paths[len(GENOTYPES) :]
    phenotype_files, locus_files = paths[: len(PHENOTYPES)], paths[len(PHENOTYPES) :]
    # The small files come before the large ones, so that their faults show first.
    environments = [read_environment(file) for file in phenotype_files]
    loci = read_loci(locus_files[0]) if locus_files else None
    strains, genotypes = convert(genotype_files, keys, scratch, dtype)
    n_loci = genotypes.shape[1]
    if loci is not None and len(loci) != n_loci:
        raise DataError(
            f"{locus_files[0]} lists {len(loci)} loci; the genotype files have {n_loci}. Correct "
            "the table, or remove it to number the loci."
        )
    row_of = {strain: row for row, strain in enumerate(strains)}
    phenotypes, standard_errors = np.full((2, len(strains), len(ENVIRONMENTS)), np.nan)
    ceilings = {}
    for p, (name, file) in enumerate(zip(ENVIRONMENTS, phenotype_files, strict=True)):
        named, means, errors = environments[p]
        others = [strain for strain in named if strain not in row_of]
        if others:
            raise DataError(
                f"{file}: {len(others)} of its {len(named)} strains are in no genotype file "
                f"({listed(others, 3)}); those have {len(strains)} strains ({listed(strains, 3)}). "
                f"Download both kinds again, from {DRYAD}."
            )
        rows = [row_of[strain] for strain in named]
        phenotypes[rows, p], standard_errors[rows, p] = means, errors
        ceilings |= noise_ceiling(name, means, errors)
    return Panel(
        genotypes=genotypes,
        phenotypes=phenotypes,
        standard_errors=standard_errors if np.isfinite(standard_errors).any() else None,
        strains=strains,
        phenotype_names=ENVIRONMENTS,
        loci=numbered_loci(n_loci) if loci is None else loci,
        aliases=ALIASES,
        noise_ceiling=ceilings,
        strain_table=pa.table({"split": published_split(len(strains))}),
    )


def published_split(n_strains: int) -> list[str]:
    """Return the subset of each strain, in file order.

    The split of Rijal et al. 2025 and Arcadia Science 2025.
    Shuffled by Python's generator, seed 0; then 15% test, and 15% of the rest validation, by
    scikit-learn's, seed 42.
    """
    if n_strains < 3:
        raise DataError(f"data=bbq: {n_strains} strains are too few for three subsets.")
    shuffled = list(range(n_strains))
    random.Random(0).shuffle(shuffled)
    rest, test = train_test_split(shuffled, test_size=HELD_OUT, random_state=42)
    train, val = train_test_split(rest, test_size=HELD_OUT, random_state=42)
    split = zip(SUBSETS, (train, val, test), strict=True)
    subset_of = {row: subset for subset, rows in split for row in rows}
    return [subset_of[row] for row in range(n_strains)]
