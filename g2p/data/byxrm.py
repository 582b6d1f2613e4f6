"""The BYxRM cross of Bloom et al. 2013 (Nature 494:234), from its two published text files.

Genotypes: tab-separated, loci x strains, a header `marker` and the strain names, alleles B and R.
A marker's name carries its place: `27915_chr01_27915_T_C` lies on chr01 at 27,915 bp.
Phenotypes: tab-separated, strains x phenotypes, a header that starts with a tab, missing values
empty or NA. Either file may be gzipped.
"""

import gzip
import hashlib
import re
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from g2p.data.panel import Panel
from g2p.data.store import stored_panel
from g2p.errors import UserError, listed

# Raise when the same files would be read into another panel.
VERSION = 1

GENOTYPES, PHENOTYPES = "BYxRM_GenoData.txt", "BYxRM_PhenoData.txt"
MARKER = re.compile(r"\d+_(chr(\d+))_(\d+)_")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MISSING = ("", "NA", "NaN")


def read(*, folder: Path, files: Path) -> tuple[Panel, str]:
    """The cross and its fingerprint, from the store in `folder`, or read from the folder `files`.

    Raises:
        UserError: naming file and line, for a file that is absent, empty, cut short or malformed,
            for an allele other than B and R, and for strains that differ between the two files.
    """
    genotype_file, phenotype_file = _find(files, GENOTYPES), _find(files, PHENOTYPES)
    digest = hashlib.sha256(f"byxrm {VERSION}".encode())
    for file in (genotype_file, phenotype_file):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    fingerprint = digest.hexdigest()[:16]
    build = lambda: _read(genotype_file, phenotype_file)  # noqa: E731
    return stored_panel(folder, "byxrm", fingerprint, build), fingerprint


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise UserError(
        f"data=byxrm: {folder / name} (or {name}.gz) is not there. "
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
        raise UserError(
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
    """Strain names, locus table and genotypes (N, L) int8, B as -1 and R as +1."""
    table = _read_table(file)
    strains = table.column_names[1:]
    markers = table.column(0).to_pylist()
    genotypes = np.empty((len(strains), len(markers)), np.int8)
    for i, strain in enumerate(strains):
        column = table.column(i + 1)
        is_r = pc.equal(column, "R").to_numpy()
        known = is_r | pc.equal(column, "B").to_numpy()
        if not known.all():
            row = int(np.argmin(known))
            raise UserError(
                f"{file}, line {row + 2}, strain {strain}: allele {column[row].as_py()!r}; "
                "only B and R are allowed."
            )
        genotypes[i] = np.where(is_r, 1, -1)
    chromosomes, numbers, positions = [], [], []
    for line, marker in enumerate(markers, start=2):
        place = MARKER.match(marker)
        if place is None:
            raise UserError(
                f"{file}, line {line}: marker {marker!r} carries no chromosome and position "
                "(expected a name such as 27915_chr01_27915_T_C)."
            )
        chromosomes.append(place[1])
        numbers.append(int(place[2]))  # chr2 comes before chr10
        positions.append(int(place[3]))
    loci = pa.table({"id": markers, "chromosome": chromosomes, "position": positions})
    order = np.lexsort((positions, numbers))
    return strains, loci.take(order), np.ascontiguousarray(genotypes[:, order])


def read_phenotypes(file: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Strain names, phenotype names and values (N, P) float64, NaN where empty or NA."""
    table = _read_table(file)
    names = table.column_names[1:]
    values = np.empty((table.num_rows, len(names)))
    for p, name in enumerate(names):
        for row, cell in enumerate(table.column(p + 1).to_pylist()):
            if cell not in MISSING and not NUMBER.fullmatch(cell):
                raise UserError(
                    f"{file}, line {row + 2}, column {name}: {cell!r} is not a number "
                    "(missing values are empty or NA)."
                )
            values[row, p] = np.nan if cell in MISSING else float(cell)
    return table.column(0).to_pylist(), names, values


def _read_table(file: Path) -> pa.Table:
    """All cells as text. Raises UserError with the line where the file cannot be read."""
    content = _read_text(file)
    header = content.split(b"\n", 1)[0].decode().rstrip("\r").split("\t")
    if len(header) < 2:
        raise UserError(
            f"{file}, line 1: expected a tab-separated header, found {header[0][:60]!r}."
        )
    columns = [str(i) for i in range(len(header))]  # names may repeat; that is found out later
    ragged = []

    def keep_ragged(row) -> str:
        ragged.append(row)
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content),
            # One thread: only then does a ragged row know its number.
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, skip_rows=1, column_names=columns
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter="\t",
                quote_char=False,
                ignore_empty_lines=False,
                invalid_row_handler=keep_ragged,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise UserError(f"{file} cannot be read as tab-separated text: {error}.") from None
    if ragged:
        row = ragged[0]
        raise UserError(
            f"{file}, line {row.number}: {row.actual_columns} cells, expected "
            f"{row.expected_columns} as in the header ({row.text[:40]!r} ...)."
        )
    if not table.num_rows:
        raise UserError(f"{file} has a header and no rows.")
    for what, names in (("rows", table.column(0).to_pylist()), ("columns", header[1:])):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise UserError(f"{file}: {what} appear more than once: {listed(twice, 5)}.")
        if "" in names:
            raise UserError(f"{file}: one of the {what} has no name.")
    return table.rename_columns(header)


def _read_text(file: Path) -> bytes:
    """The whole file, unpacked; a little over 20 MB for the genotypes."""
    try:
        # Python's gzip, not Arrow's: it notices a stream that ends too early.
        with (gzip.open if file.suffix == ".gz" else open)(file, "rb") as stream:
            content = stream.read()
            content.decode()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{file} is cut short or damaged ({error}). Download it again.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not text: {error}.") from None
    if not content.strip():
        raise UserError(f"{file} is empty.")
    return content
