"""What is known of strains beside genotypes and phenotypes: read, and asked for by column.

Splits and covariates ask for columns of the strain table, such as a fold, a family or the sex.
"""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from g2p.core.errors import DataError
from g2p.core.phrases import listed, nearest, plural
from g2p.data.panel import Panel
from g2p.data.sources.phenotypes import without_plink_missing
from g2p.data.sources.tabular import open_table, source_file

log = logging.getLogger(__name__)


def add_strain_facts(
    panel: Panel, fingerprint: str, *, strain_table: Path | None
) -> tuple[Panel, str]:
    """Return the panel with the columns of a file in its strain table, and its new fingerprint.

    Args:
        panel: of any source.
        fingerprint: of it.
        strain_table: a table with a row a strain, named by its first column (by IID where the first
            two are FID and IID), in any order; None adds nothing. A strain without a row has no
            values.

    Raises:
        DataError: for a column that the panel has already, and where no strain has a row.
    """
    if strain_table is None:
        return panel, fingerprint
    file = source_file("data.strain_table", strain_table, "a table with a row for each strain")
    table = open_table(file)
    plink = [name.removeprefix("#") for name in table.columns[:2]] == ["FID", "IID"]
    start = 2 if plink else 1
    row_of = {strain: row for row, strain in enumerate(table.names(start - 1, "strain"))}
    rows = [row_of.get(strain) for strain in panel.strains]
    without = rows.count(None)
    if without == len(rows):
        raise DataError(
            f"{file} has no strain of this panel: compare their names, such as "
            f"{next(iter(row_of))!r} in the file and {panel.strains[0]!r} in the panel."
        )
    if without:
        log.warning("%s has no row of %s of this panel.", file, plural(without, "strain"))
    columns = {} if panel.strain_table is None else dict(panel.strain_table.to_pydict())
    names = table.columns[start:]
    if twice := [name for name in names if name in {*columns, *panel.phenotype_names}]:
        raise DataError(f"{file}: the panel has a column or phenotype {listed(twice, 5)} already.")
    texts = {name: table.texts(column) for column, name in enumerate(names, start=start)}
    if plink:
        texts = {name: without_plink_missing(values) for name, values in texts.items()}
    added = {name: values.take(pa.array(rows, pa.int64())) for name, values in texts.items()}
    content = hashlib.sha256(f"{fingerprint} ".encode() + file.read_bytes()).hexdigest()
    return replace(panel, strain_table=pa.table({**columns, **added})), content[:16]


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
