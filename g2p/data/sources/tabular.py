"""A table in a file, CSV, TSV or Parquet, with the location of each of its cells.

The first line of a text file, or the schema of a Parquet file, names the columns. Every error
names the file, the line (of text) or row (of Parquet) and the column.
"""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from g2p.core.errors import DataError
from g2p.core.phrases import listed
from g2p.data.name_checks import refuse_control_characters, refuse_repeated
from g2p.data.sources.delimited_text import (
    LAST_POSITION,
    MISSING,
    NUMBER,
    position_of,
    read_table,
)

# None: tabs, or spaces where the first line has no tab, as plink and GCTA write.
DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": None, ".pheno": None, ".phen": None}
PARQUET = ".parquet"
GAPS = pa.array(MISSING)


def source_file(key: str, file: Path | str, what: str) -> Path:
    """Check that `file` exists, and return it; `key` is the option that names it."""
    file = Path(file).expanduser()  # an option that may be null arrives as it was written
    if not file.is_file():
        raise DataError(f"{key}: the file {file} does not exist. Set {key} to {what}.")
    return file


def kind_of(file: Path) -> str:
    """Return how a table is read, by the end of its name."""
    kind = Path(file.name.removesuffix(".gz")).suffix
    if kind not in DELIMITERS and file.suffix != PARQUET:
        raise DataError(
            f"{file}: a table's name must end in .csv (commas), .tsv (tabs), .txt, .pheno or .phen "
            "(tabs or spaces), each of them plain or with .gz after it, or in .parquet."
        )
    return kind


@dataclass(frozen=True, eq=False)
class TabularFile:
    """A table whose columns have names, none of them twice: two columns and one row at least."""

    file: Path
    table: pa.Table
    has_header: bool = True

    @property
    def columns(self) -> list[str]:
        return self.table.column_names

    @property
    def unit(self) -> tuple[str, int]:
        """What a row is called, and the number of the first one."""
        return ("row", 1) if self.file.suffix == PARQUET else ("line", 1 + self.has_header)

    def cell_location(self, row: int, column: int) -> str:
        unit, first = self.unit
        return f"{self.file}, {unit} {first + row}, column {self.columns[column]}"

    def cells(self, column: int) -> pa.ChunkedArray:
        """Return a column as the file has it; pandas' categories as their values."""
        cells = self.table.column(column)
        return cells.cast(cells.type.value_type) if pa.types.is_dictionary(cells.type) else cells

    def names(self, column: int, what: str) -> list[str]:
        """Return a column of names, none of them empty or twice."""
        cells = self.cells(column)
        if not (is_text(cells) or pa.types.is_integer(cells.type)):
            raise DataError(
                f"{self.file}, column {self.columns[column]}: {what} names are expected here, "
                f"found {cells.type}. (pandas writes its index last: use reset_index.)"
            )
        names = cells.cast(pa.string()).to_pylist()
        for row, name in enumerate(names):
            if not name:
                raise DataError(f"{self.cell_location(row, column)}: the {what} has no name.")
        unit, first = self.unit
        remedy = f"Every {what} needs one {unit} and a unique name."
        refuse_control_characters(names, count(first), f"{self.file}, {unit}", f"the {what}")
        refuse_repeated(names, count(first), f"{self.file}, {unit}s", f"the {what}", remedy)
        return names

    def texts(self, column: int) -> pa.Array:
        """Return a column as text, null where missing."""
        cells = self.cells(column).cast(pa.string()).combine_chunks()
        return pc.if_else(pc.is_in(cells, value_set=GAPS), pa.scalar(None, pa.string()), cells)

    def numbers(self, column: int, remedy: str = "") -> np.ndarray:
        """Return a column as float64, NaN where missing; finite elsewhere."""
        cells = self.cells(column)
        if is_text(cells):
            text = self.texts(column)
            good = pc.match_substring_regex(text, f"^(?:{NUMBER.pattern})$").fill_null(True)
            self._refuse(~good.to_numpy(zero_copy_only=False), text, column, remedy)
            cells = text
        elif not _is_number(cells.type):
            raise DataError(
                f"{self.file}, column {self.columns[column]}: numbers are expected here, found "
                f"{cells.type}.{remedy}"
            )
        values = cells.cast(pa.float64()).to_numpy(zero_copy_only=False)
        self._refuse(np.isinf(values), cells, column, remedy)
        return values

    def positions(self, column: int) -> np.ndarray:
        """Return a column as int64, positions on a chromosome in bp, none missing."""
        values = self.numbers(column).tolist()
        positions = [position_of(cell or "") for cell in self.texts(column).to_pylist()]
        for row, value in enumerate(values):
            if positions[row] is None:  # 5.0 and 1e6 are positions, too
                if not (0 <= value <= LAST_POSITION and value.is_integer()):
                    raise DataError(
                        f"{self.cell_location(row, column)}: {value:g} is not a position; expected "
                        f"a whole number of base pairs from 0 to {LAST_POSITION}."
                    )
                positions[row] = int(value)
        return np.array(positions, np.int64)

    def _refuse(self, bad: np.ndarray, cells: pa.Array, column: int, remedy: str) -> None:
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"{self.cell_location(row, column)}: {cells[row].as_py()!r} is not a number "
                f"(missing values are empty or NA).{remedy}"
            )


def is_text(cells: pa.ChunkedArray) -> bool:
    return pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)


def _is_number(kind: pa.DataType) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    return any(test(kind) for test in tests)


def open_table(file: Path, header: list[str] | None = None) -> TabularFile:
    """Open the table in an existing file; `header` is that of a text without one.

    Raises:
        DataError: for another kind of file, one that is empty, cut short or ragged, with the wrong
            delimiter, or with columns that have no name or the same.
    """
    kind = kind_of(file)
    if kind != PARQUET:
        table = read_table(file, DELIMITERS[kind], unique_rows=False, header=header)
        names = table.column_names  # Excel begins a file with a byte order mark
        names[0] = names[0].removeprefix("\ufeff")
        return TabularFile(file, table.rename_columns(names), has_header=header is None)
    try:
        table = pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file} cannot be read as Parquet: {error}.") from None
    if table.num_columns < 2 or not table.num_rows:
        raise DataError(
            f"{file} has {table.num_rows} rows and {table.num_columns} columns "
            f"({listed(table.column_names, 5) or 'none'}); expected two columns and a row at least."
        )
    refuse_control_characters(table.column_names, count(1), f"{file}, column", "the name")
    remedy = "Name each column once."
    refuse_repeated(table.column_names, count(1), f"{file}, columns", "the name", remedy)
    return TabularFile(file, table)
