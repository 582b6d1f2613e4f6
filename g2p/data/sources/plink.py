"""Genotypes in plink 1's binary files: x.bed (calls), x.bim (loci) and x.fam (strains).

A call counts the A1 alleles of the bim's fifth column: two are +1, none is -1. So allele_1 is A1,
and allele_0 is A2 of the sixth; plink's 0 for an unobserved allele is null. A locus called
"." is named chromosome:position:allele_0:allele_1. A strain's name is its IID; its FID becomes the
column `family` of the strain table, and its sex, where the fam has it, the column `sex`.

That the three files belong together is checked by the size of the bed, which a bim that lost a line
never fits, and by the bits after the last strain of each locus, which are zero by the format: a fam
that lost a line leaves the calls of a strain there. 00 also writes two A1. So a lost line of a
strain that has these at all loci is not detected, and a line too many that needs no further byte is
only warned of, since the last strain then has two A1 everywhere. Swapped lines are not detected.
"""

import logging
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
from bed_reader import open_bed

from g2p.config.constraints import OnlyIf
from g2p.core.errors import DataError
from g2p.data.name_checks import refuse_control_characters, refuse_repeated
from g2p.data.panel import Panel
from g2p.data.panel_store import files_fingerprint, stored_panel
from g2p.data.sources.delimited_text import LAST_POSITION, number_of, position_of
from g2p.data.sources.phenotypes import (
    A_TABLE,
    PLINK_MISSING,
    Phenotypes,
    join_strains,
    read_phenotypes,
    table_options,
)
from g2p.data.sources.tabular import source_file

log = logging.getLogger(__name__)

# Increase when the same files would be read into another panel.
VERSION = 3

CASE_CONTROL = (0, 1, 2)
SEXES = {"1": "male", "2": "female"}  # others are unknown
MAGIC = b"\x6c\x1b\x01"  # a bed, locus by locus
MANY = 20  # loci that are not alike by chance
PREFIX = "the common prefix of a .bed, .bim and .fam, such as my/panel"


def read(
    *,
    folder: Path,
    optional_facts: list,
    path: Path,
    phenotypes: Path | None,
    strains: Annotated[Literal["same", "shared"], OnlyIf("phenotypes")],
    facts: Annotated[list, OnlyIf("phenotypes")],
) -> tuple[Panel, str]:
    """Return the panel and its fingerprint, from the store in `folder`, or read from the files.

    Args:
        folder: of the store.
        optional_facts: further facts, where that table has such columns.
        path: of the bed, or of all three files without their ends.
        phenotypes: a table (`g2p.data.sources.phenotypes`); None takes the fam's sixth column,
            called `phenotype`, where -9 and NA are missing; 0 too, where all others are 1 or 2.
        strains: `same` requires the same strains in genotypes and phenotypes; `shared` uses those
            in both.
        facts: columns of that table that are facts of a strain, not phenotypes.

    Raises:
        DataError: naming file and line, for a file that is absent, cut short or malformed.
    """
    prefix = path.with_suffix("") if path.suffix == ".bed" else path
    bed, bim, fam = (
        source_file("data.path", Path(f"{prefix}{end}"), PREFIX) for end in (".bed", ".bim", ".fam")
    )
    options = {}
    table = None
    if phenotypes is not None:
        table = source_file(
            "data.phenotypes", phenotypes, f"{A_TABLE}, or null for that of the fam"
        )
        options = table_options(table, facts, optional_facts, strains)
        if "family" in facts:
            raise DataError("data.facts: the column family is already taken by the FID of the fam.")
    files = [bed, bim, fam, *([table] if table else [])]
    fingerprint = files_fingerprint(folder, VERSION, options, files)
    build = lambda: _read(bed, bim, fam, table, strains, facts, optional_facts)  # noqa: E731
    return stored_panel(folder, "plink", fingerprint, build), fingerprint


def _read(
    bed: Path, bim: Path, fam: Path, table: Path | None, keep: str, facts: list,
    optional_facts: list,
) -> Panel:  # fmt: skip
    rows = _rows(fam, "FID, IID, father, mother, sex, phenotype")
    strains = [row[1] for row in rows]
    remedy = "A strain is identified by its IID alone; plink --update-ids renames."
    refuse_repeated(strains, count(1), f"{fam}, lines", "the IID", remedy)
    loci = _loci(bim)
    genotypes = _calls(bed, len(strains), len(loci))
    if table:
        phenotypes = read_phenotypes(table, facts, optional_facts)
    else:
        phenotypes = _fam_phenotype(fam, rows)
    panel = join_strains(fam, strains, loci, genotypes, phenotypes, keep)
    row_of = {row[1]: row for row in rows}
    columns = {} if panel.strain_table is None else dict(panel.strain_table.to_pydict())
    columns["family"] = [row_of[strain][0] for strain in panel.strains]
    sex = [SEXES.get(row_of[strain][4]) for strain in panel.strains]
    if any(sex):
        columns.setdefault("sex", sex)  # that of the table, where it has one
    return replace(panel, strain_table=pa.table(columns))


def _rows(file: Path, columns: str) -> list[list[str]]:
    """Read the six cells of each line."""
    try:
        lines = file.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not text: {error}.") from None
    if lines == [""]:
        raise DataError(f"{file} is empty.")
    rows = [line.split() for line in lines]
    for number, row in enumerate(rows, start=1):
        if len(row) != 6:
            raise DataError(f"{file}, line {number}: {len(row)} cells, expected six: {columns}.")
    lines = [" ".join(row) for row in rows]
    refuse_control_characters(lines, count(1), f"{file}, line", "the text")
    return rows


def _loci(bim: Path) -> pa.Table:
    rows = _rows(bim, "chromosome, id, centimorgan, position, A1, A2")
    for number, row in enumerate(rows, start=1):
        if position_of(row[3]) is None:
            raise DataError(
                f"{bim}, line {number}: position {row[3][:40]!r} is not a whole number from 0 to "
                f"{LAST_POSITION}."
            )
    ids = [f"{c}:{bp}:{a2}:{a1}" if name == "." else name for c, name, _, bp, a1, a2 in rows]
    remedy = "plink2 --set-all-var-ids '@:#:$r:$a' names loci by position, --rm-dup drops repeats."
    refuse_repeated(ids, count(1), f"{bim}, lines", "the locus", remedy)
    return pa.table(
        {
            "id": ids,
            "chromosome": [row[0] for row in rows],
            "position": [int(row[3]) for row in rows],
            "allele_0": pa.array([None if row[5] == "0" else row[5] for row in rows], pa.string()),
            "allele_1": pa.array([None if row[4] == "0" else row[4] for row in rows], pa.string()),
        }
    )


def _calls(bed: Path, n_strains: int, n_loci: int) -> np.ndarray:
    """Read the calls, (N, L) int8."""
    with bed.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise DataError(
                f"{bed} is not a bed of plink 1 in locus-major order. plink --make-bed writes one."
            )
    size, expected = bed.stat().st_size, len(MAGIC) + n_loci * -(-n_strains // 4)  # 4 calls a byte
    if size != expected:
        raise DataError(
            f"{bed} has {size} bytes; {n_strains} strains in the fam and {n_loci} loci in the bim "
            f"take {expected}. It is cut short, or the three files do not belong together."
        )
    beyond = n_strains % 4
    if beyond:
        last = np.memmap(bed, np.uint8, "r", len(MAGIC)).reshape(n_loci, -1)[:, -1]
        full = np.flatnonzero(last >> 2 * beyond)  # the first strain has the lowest two bits
        if len(full):
            raise DataError(
                f"{bed} has calls beyond the {n_strains} strains of the fam, first of locus "
                f"{full[0] + 1} (the line of the bim): the fam lacks a line, or the three files "
                "do not belong together."
            )
    with open_bed(bed, iid_count=n_strains, sid_count=n_loci, count_A1=True) as file:
        counts = file.read(dtype="int8", order="C")
    if beyond != 1 and n_loci >= MANY and (counts[-1] == 2).all():
        log.warning(
            "%s: the last strain of the fam has two A1 alleles at all loci; the "
            "fam may have a line too many.", bed,
        )  # fmt: skip
    counts -= 1  # 0, 1, 2 become -1, 0, 1; and bed-reader's -127 for a missing call becomes NO_CALL
    return counts


def _fam_phenotype(fam: Path, rows: list[list[str]]) -> Phenotypes | None:
    """Read the sixth column; None where it has no value: a panel to be predicted."""
    values = np.array([
        number_of(row[5], f"{fam}, line {number}: phenotype", missing="-9 or NA")
        for number, row in enumerate(rows, start=1)
    ]).reshape(-1, 1)  # fmt: skip
    values[values == PLINK_MISSING] = np.nan
    if np.isin(values[np.isfinite(values)], CASE_CONTROL).all():
        values[values == 0] = np.nan  # as plink has it: 1 is a control, 2 a case, 0 neither
    if np.isnan(values).all():
        return None
    return Phenotypes(fam, [row[1] for row in rows], ["phenotype"], values, None, None)
