"""The small tables of the BBQ panel: the published phenotype files and an optional locus table.

Phenotypes: a file for each environment, a header, then in each row the identifier of a strain, the
mean and optionally its standard error; separated by tabs, commas or spaces; plain or gzipped.
Loci: comma-separated with columns id, chromosome, position (bp), in the order of the genotype
files' columns.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from g2p.core.errors import DataError
from g2p.core.phrases import listed
from g2p.data.sources.bbq_text import identifier, open_plain_or_gzip
from g2p.data.sources.delimited_text import MISSING, NUMBER, position_of, read_table


def read_environment(file: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return identifiers, means and standard errors (NaN where missing) of a phenotype file.

    The header shows whether cells are separated by tabs, commas or other white space.

    Raises:
        DataError: naming file, line and column, for a file that is cut short, ragged, not numeric,
            without a header, or that repeats a strain.
    """
    with open_plain_or_gzip(file) as (stream, _):
        lines = stream.read().decode(errors="replace").rstrip().split("\n")
    delimiter = next((mark for mark in "\t," if mark in lines[0]), None)
    width = len(lines[0].split(delimiter))
    if width < 2 or all(NUMBER.fullmatch(cell) for cell in lines[0].split(delimiter)[:2]):
        raise DataError(
            f"{file}, line 1: expected a header of at least two columns (identifier, mean, "
            f"standard error), found {lines[0][:40]!r}."
        )
    strains: dict[str, int] = {}
    numbers = np.full((len(lines) - 1, 2), np.nan)
    for number, text in enumerate(lines[1:], start=2):
        cells = [cell.strip() for cell in text.split(delimiter)]
        if len(cells) != width:
            raise DataError(f"{file}, line {number}: {len(cells)} cells, expected {width}.")
        strain = identifier(cells[0])
        if strain is None:
            raise DataError(
                f"{file}, line {number}, column 1: {cells[0]!r} is not an identifier (an integer)."
            )
        if strain in strains:
            raise DataError(
                f"{file}, line {number}: strain {strain} is already in line {strains[strain]}."
            )
        strains[strain] = number
        for column, cell in enumerate(cells[1:3]):
            if cell not in MISSING:
                if not NUMBER.fullmatch(cell) or (column == 1 and float(cell) < 0):
                    what = "standard error" if column else "mean"
                    raise DataError(
                        f"{file}, line {number}, column {column + 2}: {cell!r} is not a {what} "
                        "(missing values are empty or NA)."
                    )
                if np.isinf(value := float(cell)):
                    raise DataError(
                        f"{file}, line {number}, column {column + 2}: {cell} is too large for a "
                        "number."
                    )
                numbers[number - 2, column] = value
    if not strains:
        raise DataError(f"{file} has a header and no rows.")
    return list(strains), numbers[:, 0], numbers[:, 1]


def noise_ceiling(name: str, means: np.ndarray, errors: np.ndarray) -> dict[str, float]:
    """Return the share of the variance of means that is not error; {} where none is known."""
    both = np.isfinite(means) & np.isfinite(errors)
    if not both.any() or not (variance := means[both].var()):
        return {}
    return {name: float(np.clip(1 - np.square(errors[both]).mean() / variance, 0, 1))}


def read_loci(file: Path) -> pa.Table:
    """Read the locus table, in the order of the genotype files' columns."""
    table = read_table(file, ",", unique_rows=False)
    columns = ["id", "chromosome", "position"]
    if missing := [name for name in columns if name not in table.column_names]:
        raise DataError(
            f"{file}, line 1: no column {listed(missing)}; expected {listed(columns)}, "
            f"found {listed(table.column_names)}."
        )
    positions = table["position"].to_pylist()
    for line, position in enumerate(positions, start=2):
        if position_of(position) is None:
            raise DataError(
                f"{file}, line {line}, column position: {position[:40]!r} is not a position in bp."
            )
    return table.select(columns).set_column(2, "position", [[int(p) for p in positions]])
