"""The tables of a run's directory: history.parquet and predictions.parquet."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from g2p.core.atomic_files import write_atomically
from g2p.runs.checksums import damaged, read_verified

# The columns that g2p reads back, and their types.
HISTORY = {"epoch": pa.types.is_integer, "val_r2_mean": pa.types.is_floating}
PREDICTIONS = {
    "strain": pa.types.is_string, "split": pa.types.is_string, "phenotype": pa.types.is_string,
    "observed": pa.types.is_floating, "predicted": pa.types.is_floating,
}  # fmt: skip


def predictions_table(
    strains: list[str], phenotypes: list[str], split: Mapping[str, np.ndarray],
    observed: Mapping[str, np.ndarray], predicted: Mapping[str, np.ndarray],
) -> pa.Table:  # fmt: skip
    """Return the predictions in long form; see `RunDirectory.write_predictions`."""
    tables = []
    for subset, values in predicted.items():
        rows = split[subset]
        names = np.asarray(strains)[rows]
        tables.append(
            pa.table({
                "strain": pa.array(np.repeat(names, len(phenotypes)), pa.string()),
                "split": [subset] * values.size,
                "phenotype": phenotypes * len(rows),
                "observed": pa.array(observed[subset].ravel(), pa.float64(), from_pandas=True),
                "predicted": values.ravel(),
            })
        )  # fmt: skip
    return pa.concat_tables(tables)


def write_table(path: Path, table: pa.Table) -> None:
    write_atomically(path, lambda file: pq.write_table(table, file, write_page_checksum=True))


def read_table(
    folder: Path, name: str, columns: Mapping[str, Callable[[pa.DataType], bool]]
) -> pa.Table:
    """Return a table of a run that has these columns, of these types.

    Raises:
        FileNotFoundError: when it is gone, in a run that is not finished or has no checksums.
        DamagedRunError: when it is damaged.
    """
    path = folder / name
    content = pa.BufferReader(read_verified(folder, name))
    try:
        table = pq.read_table(content, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:  # of which a damaged page raises either
        raise damaged(path, " ".join(str(error).split()), name) from None
    for column, fits in columns.items():
        if column not in table.column_names:
            raise damaged(path, f"it has no column {column}", name)
        kind = table.schema.field(column).type
        if not (fits(kind) or pa.types.is_null(kind)):
            raise damaged(path, f"its column {column} is of type {kind}", name)
    return table
