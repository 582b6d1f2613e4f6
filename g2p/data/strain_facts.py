"""A column of a panel's strain table, as a split asks for it."""

import numpy as np

from g2p.core.errors import DataError
from g2p.core.phrases import listed
from g2p.data.panel import Panel


def strain_facts(panel: Panel, name: str) -> np.ndarray:
    """Return a column of the strain table, as text.

    Raises:
        DataError: for a column that does not exist, is a phenotype, or has strains without a value.
    """
    table = panel.strain_table
    names = [] if table is None else table.column_names
    if name in panel.phenotype_names:
        raise DataError(
            f"split.column={name}: '{name}' is a phenotype of this panel, which would be trained "
            "on. A column of the phenotype table that describes the strain must be listed in "
            f"data.facts: add data.facts=[{name}]."
        )
    if table is None or name not in names:
        raise DataError(
            f"split.column={name}: this panel's strain table has no such column. It has: "
            f"{listed(names) or 'nothing'}. To add a column of the phenotype table, list it in "
            "data.facts."
        )
    values = table[name]
    if values.null_count:
        raise DataError(
            f"split.column={name}: {values.null_count} of {len(values)} strains have no value. "
            "Fill it in, or remove these strains from the phenotype table."
        )
    return np.array([str(value) for value in values.to_pylist()])
