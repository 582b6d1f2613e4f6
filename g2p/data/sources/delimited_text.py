"""Tables as text: read by Arrow, with the line of every error."""

import csv
import gzip
import re
import zlib
from collections import Counter
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from g2p.core.errors import DataError
from g2p.core.phrases import listed
from g2p.data.name_checks import refuse_control_characters

KINDS = {"\t": "tab-separated", ",": "comma-separated"}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LAST_POSITION = 2**63 - 1  # of a locus, in bp
MISSING = ("", "NA", "NaN", "nan")
BLOCK = 2**26  # bytes that Arrow parses together: no less than a row, and few blocks


def read_phenotypes(file: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Read strain names, phenotype names and values (N, P) float64, NaN where empty or NA."""
    table = read_table(file)
    names = table.column_names[1:]
    values = np.empty((table.num_rows, len(names)))
    for p, name in enumerate(names):
        for row, cell in enumerate(table.column(p + 1).to_pylist()):
            values[row, p] = number_of(cell, f"{file}, line {row + 2}, column {name}:")
    return table.column(0).to_pylist(), names, values


def number_of(cell: str, location: str, missing: str = "empty or NA") -> float:
    """Return the number in a cell, NaN where it is missing.

    Args:
        cell: its text.
        location: how a message begins.
        missing: how missing values are written, for a message.

    Raises:
        DataError: for another text, and for a number that is too large.
    """
    if cell in MISSING:
        return np.nan
    if not NUMBER.fullmatch(cell):
        raise DataError(f"{location} {cell!r} is not a number (missing values are {missing}).")
    number = float(cell)
    if np.isinf(number):
        raise DataError(f"{location} {cell} is too large for a number.")
    return number


def read_table(
    file: Path, delimiter: str | None = "\t", *, unique_rows: bool = True,
    header: list[str] | None = None,
) -> pa.Table:  # fmt: skip
    """Read all cells as text, plain or gzipped; cells may be quoted.

    Args:
        file: the table.
        delimiter: between its cells; None: tabs, or where the header has none, spaces.
        unique_rows: whether the first column holds names, none of them twice.
        header: of a table without one; None: its first line.

    Raises:
        DataError: naming file and line, for a file that is absent, empty, cut short or ragged, and
            for names that repeat.
    """
    content = _read_text(file)
    if delimiter is None:
        delimiter, content = "\t", _tab_separated(content)
    has_header = header is None
    if header is None:
        header = _header(file, content.split(b"\n", 1)[0].decode().rstrip("\r"), delimiter)
    if len(header) < 2:
        raise DataError(
            f"{file}, line 1: expected a {KINDS[delimiter]} header, found {header[0][:60]!r}."
        )
    columns = [str(i) for i in range(len(header))]  # names may repeat; that is checked below
    ragged = []

    def collect_ragged(row) -> str:
        ragged.append(row)
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content),
            # One thread: only then does a ragged row know its number.
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, skip_rows=int(has_header), column_names=columns, block_size=BLOCK
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter,
                ignore_empty_lines=False,
                invalid_row_handler=collect_ragged,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(f"{file} cannot be read as a table: {error}.") from None
    if ragged:
        row = ragged[0]
        raise DataError(
            f"{file}, line {row.number}: {row.actual_columns} cells, expected "
            f"{row.expected_columns} as in the header ({row.text[:40]!r} ...)."
        )
    if not table.num_rows:
        raise DataError(f"{file} has a header and no rows.")
    refuse_control_characters(header, [1] * len(header), f"{file}, line", "the name")
    rows = table.column(0).to_pylist() if unique_rows else []
    refuse_control_characters(rows, count(2), f"{file}, line", "the name")
    for what, names in (("rows", rows), ("columns", header[1:])):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise DataError(f"{file}: {what} appear more than once: {listed(twice, 5)}.")
        if "" in names:
            raise DataError(f"{file}: one of the {what} has no name.")
    return table.rename_columns(header)


def position_of(cell: str) -> int | None:
    """Return the position in bp in a cell; None unless it is a whole number up to the last."""
    if not re.fullmatch("[0-9]{1,19}", cell) or int(cell) > LAST_POSITION:
        return None
    return int(cell)


def _header(file: Path, line: str, delimiter: str) -> list[str]:
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error as error:
        raise DataError(f"{file}, line 1: {error}.") from None


def _tab_separated(content: bytes) -> bytes:
    """Return a text whose header has no tab with tabs in place of spaces, line by line."""
    if b"\t" in content.split(b"\n", 1)[0]:
        return content
    lines = content.split(b"\n")
    return b"\n".join(b"\t".join(line.split()) for line in lines)


def first_cells(file: Path) -> list[str]:
    """Return the cells of the first line of a table of tabs or spaces."""
    return _tab_separated(_read_text(file)).split(b"\n", 1)[0].decode().rstrip("\r").split("\t")


def _read_text(file: Path) -> bytes:
    """Read the whole file, unpacked."""
    try:
        # Python's gzip, not Arrow's: it notices a stream that ends too early.
        with (gzip.open if file.suffix == ".gz" else open)(file, "rb") as stream:
            content = stream.read()
            content.decode()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{file} is cut short or damaged ({error}). Download it again.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not text: {error}.") from None
    if not content.strip():
        raise DataError(f"{file} is empty.")
    return content
