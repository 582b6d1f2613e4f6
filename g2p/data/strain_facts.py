"""A column of a panel's strain table, as a split or a covariate asks for it."""

import numpy as np
import pyarrow as pa

from g2p.core.errors import DataError
from g2p.core.phrases import listed, nearest
from g2p.data.panel import Panel


def strain_column(panel: Panel, name: str, key: str) -> pa.ChunkedArray:
    """Return a column of the strain table; `key` is the option that names it, for messages.

    Raises:
        DataError: for a column that does not exist, or is a phenotype.
    """
    table = panel.strain_table
    names = [] if table is None else table.column_names
    if name in panel.phenotype_names:
        raise DataError(
            f"{key}={name}: '{name}' is a phenotype of this panel, which would be trained "
            "on. A column of the phenotype table that describes the strain must be listed in "
            f"data.facts: add data.facts=[{name}]."
        )
    if table is None or name not in names:
        raise DataError(
            f"{key}={name}: this panel's strain table has no such column.{nearest(name, names)} "
            f"It has: {listed(names) or 'nothing'}. To add a column of the phenotype table, list "
            "it in data.facts."
        )
    return table[name]


def strain_facts(panel: Panel, name: str) -> np.ndarray:
    """Return a column of the strain table, as text, for a split.

    Raises:
        DataError: as `strain_column`, and for strains without a value.
    """
    values = strain_column(panel, name, "split.column")
    if values.null_count:
        raise DataError(
            f"split.column={name}: {values.null_count} of {len(values)} strains have no value. "
            "Fill it in, or remove these strains from the phenotype table."
        )
    return np.array([str(value) for value in values.to_pylist()])
