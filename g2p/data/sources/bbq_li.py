"""19,833 strains of the BBQ panel at 83 mapped loci: growth in lithium, with standard errors.

Nguyen Ba et al. 2022 (eLife 11:e73983), as prepared by Zhou et al. 2025 (EpiK; the repository
cmarti/epik_analyses, MIT). The file qtls_li_hq.csv has a row for each strain: `seq`, a letter A or
B for each locus; `y`, growth in lithium; and `y_var`, which is named a variance and is a standard
error. Strains have no names there: they are bbq_00001, bbq_00002, ... by row.

The file does not say which parent A and B are. A is RM: the published effects of A correlate at
0.80 with those of RM's alleles at the nearest markers of data=byxrm, in lithium chloride. So A is
coded 1 and B, BY, -1, as byxrm codes RM and BY, and an effect of the code has the sign of the
published effect. The loci's names, positions, genes and published effects are bbq_li_loci.csv.
"""

import csv
import hashlib
import re
from pathlib import Path

import numpy as np
import pyarrow as pa

from g2p.core.errors import DataError
from g2p.core.phrases import listed
from g2p.data.panel import Panel
from g2p.data.panel_store import files_fingerprint, stored_panel
from g2p.data.sources.download import from_address
from g2p.data.sources.phenotypes import refuse_negative
from g2p.data.sources.tabular import TabularFile, open_table

# Increase when the same file would be read into another panel.
VERSION = 1

FILE = "qtls_li_hq.csv"
COLUMNS = ("seq", "y", "y_var")
LOCI = Path(__file__).with_name("bbq_li_loci.csv")
PHENOTYPE = "li"


def read(*, folder: Path, files: Path, address: str, sha256: str | None) -> tuple[Panel, str]:
    """Return the panel and its fingerprint, from the store in `folder`, the file or the web.

    Args:
        folder: of the store.
        files: the folder of the file.
        address: of the file on the web; used only where it is absent.
        sha256: checksum of the file; None reads any file of this format, and downloads none.

    Raises:
        DataError: for a file that is absent and cannot be downloaded, that has another checksum,
            or that is malformed, naming the line.
    """
    file = files / FILE
    if not file.is_file():
        if sha256 is None:
            raise DataError(
                f"data=bbq_li: {file} does not exist, and data.sha256=null downloads nothing. Put "
                "it there, or leave data.sha256 out."
            )
        from_address(address, file, sha256)
    if sha256 is not None and hashlib.sha256(file.read_bytes()).hexdigest() != sha256.lower():
        raise DataError(
            f"data=bbq_li: {file} is not the published file: its checksum is not sha256:{sha256}. "
            f"Remove it to have it downloaded from {address}, or set data.sha256=null to read it "
            "all the same."
        )
    fingerprint = files_fingerprint(folder, VERSION, {}, [file])
    panel = stored_panel(folder, "bbq_li", fingerprint, lambda: read_file(file))
    return panel, fingerprint


def read_loci() -> pa.Table:
    """Return the locus table: id, chromosome, position, alleles, gene and published effect."""
    lines = [line for line in LOCI.read_text().splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    return pa.table({
        "id": [row["id"] for row in rows],
        "chromosome": [row["chromosome"] for row in rows],
        "position": [int(row["position"]) for row in rows],
        "allele_0": ["B"] * len(rows),
        "allele_1": ["A"] * len(rows),
        "gene": [row["gene"] or None for row in rows],
        "published_effect": [float(row["published_effect"]) for row in rows],
    })  # fmt: skip


def read_file(file: Path) -> Panel:
    """Read a file of this format, whatever its checksum.

    Raises:
        DataError: naming file and line, for a file that is cut short or malformed, a letter other
            than A and B, another number of letters than loci, or a value that is not a number.
    """
    table = open_table(file)
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise DataError(
            f"{file} has no column {listed(missing)}; expected {listed(COLUMNS)}, "
            f"found {listed(table.columns)}."
        )
    sequence, growth, error = (table.columns.index(name) for name in COLUMNS)
    loci = read_loci()
    errors = table.numbers(error)
    refuse_negative(errors, table, error)
    genotypes = _genotypes(table, sequence, len(loci))
    return Panel(
        genotypes=genotypes,
        phenotypes=table.numbers(growth)[:, None],
        standard_errors=errors[:, None],
        strains=[f"bbq_{number:05d}" for number in range(1, len(genotypes) + 1)],
        phenotype_names=[PHENOTYPE],
        loci=loci,
    )


def _genotypes(table: TabularFile, column: int, n_loci: int) -> np.ndarray:
    """Return calls (N, L) int8, A as 1 and B as -1."""
    sequences = [text or "" for text in table.texts(column).to_pylist()]
    for row, text in enumerate(sequences):
        if not re.fullmatch(f"[AB]{{{n_loci}}}", text):
            strange = re.search("[^AB]", text)
            problem = f"the letter {strange[0]!r}" if strange else f"{len(text)} letters"
            raise DataError(
                f"{table.cell_location(row, column)}: {problem}; expected A or B for each of the "
                f"{n_loci} loci."
            )
    letters = np.frombuffer("".join(sequences).encode(), np.uint8).reshape(-1, n_loci)
    return np.where(letters == ord("A"), 1, -1).astype(np.int8)
