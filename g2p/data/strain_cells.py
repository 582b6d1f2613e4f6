"""Columns of a strain table as covariates read them: texts, the same for the same value."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from g2p.core.errors import DataError
from g2p.data.panel import Panel
from g2p.data.sources.delimited_text import NUMBER
from g2p.data.strain_facts import strain_column

if TYPE_CHECKING:
    import pandas as pd

Cells = Sequence[str | None]


def strain_cells(panel: Panel, columns: Sequence[str]) -> dict[str, Cells]:
    """Return columns of the strain table as text, null where missing.

    Raises:
        DataError: for a column that does not exist.
    """
    if not all(isinstance(name, str) for name in columns):
        raise DataError(f"data.covariates must be a list of column names, not {columns!r}.")
    return {name: _texts(strain_column(panel, name, "data.covariates")) for name in columns}


def cells_of(table: pa.Table | None, columns: Sequence[str]) -> dict[str, Cells]:
    """Return those of the columns that a strain table has, as text, null where missing."""
    if table is None:
        return {}
    return {name: _texts(table[name]) for name in columns if name in table.column_names}


def _texts(column: pa.ChunkedArray) -> Cells:
    return [None if value is None else _same_text(value) for value in
            column.cast(pa.string()).to_pylist()]  # fmt: skip


def _same_text(value: str) -> str:
    """Return what CSV, Parquet and pandas write in different ways as one text: 1, 1.0 and 01."""
    if NUMBER.fullmatch(value) and np.isfinite(number := float(value)):
        return str(int(number)) if number.is_integer() else repr(number)
    return value.lower() if value in ("True", "False") else value


def series_cells(column: "pd.Series") -> pa.Array:
    """Return a column of covariates as a file has them: text, null where missing."""
    return pa.array(column.map(str).where(column.notna(), None), pa.string())


def is_number(text: str) -> bool:
    """Whether a text is a finite number."""
    return bool(NUMBER.fullmatch(text)) and bool(np.isfinite(float(text)))
