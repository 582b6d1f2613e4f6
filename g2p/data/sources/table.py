"""Genotypes in a table of the user, CSV, TSV (plain or gzipped) or Parquet.

The first column names the strains and the header the loci, or the other way round. `coding` is the
meaning of the numbers and is never guessed: 0 and 1 may be alleles, copies or calls, so it has no
default. A locus table may give the positions of the loci.
"""

import logging
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from g2p.config.constraints import OnlyIf
from g2p.core.errors import DataError
from g2p.core.phrases import listed
from g2p.data.name_checks import refuse_control_characters
from g2p.data.panel import NO_CALL, UNKNOWN, Panel
from g2p.data.panel_store import files_fingerprint, stored_panel
from g2p.data.sources.delimited_text import MISSING
from g2p.data.sources.phenotypes import A_TABLE, join_strains, read_phenotypes, table_options
from g2p.data.sources.tabular import TabularFile, is_text, kind_of, open_table, source_file

log = logging.getLogger(__name__)

# Increase when the same files would be read into another panel.
VERSION = 1

# By coding: number in the file -> call.
CALLS = {
    "-1/0/1": {-1: -1, 0: 0, 1: 1},
    "0/1/2": {0: -1, 1: 0, 2: 1},
    "0/1": {0: -1, 1: 1},
}
PROBABILITY = "probability"  # p in [0, 1] -> 2 p - 1
MEANINGS = {
    "-1/0/1": "calls, 0 the heterozygote",
    "0/1/2": "copies of an allele in a diploid, 1 the heterozygote",
    "0/1": "copies in a haploid or an inbred line",
    PROBABILITY: "of an allele, from 0 to 1",
}


def read(
    *,
    folder: Path,
    optional_facts: list,
    path: Path,
    phenotypes: Path | None,
    orientation: Literal["strains_by_loci", "loci_by_strains"],
    coding: Literal["-1/0/1", "0/1/2", "0/1", "probability", None],
    loci: Path | None,
    strains: Annotated[Literal["same", "shared"], OnlyIf("phenotypes")],
    facts: Annotated[list, OnlyIf("phenotypes")],
) -> tuple[Panel, str]:
    """Return the panel and its fingerprint, from the store in `folder`, or read from the files.

    Args:
        folder: of the store.
        optional_facts: further facts, where that table has such columns.
        path: the genotypes; missing ones are empty cells or NA.
        phenotypes: a table (`g2p.data.sources.phenotypes`); None for a panel to be predicted.
        orientation: whether rows of the genotypes are strains or loci.
        coding: meaning of their numbers: calls as they are stored, copies of an allele in a
            diploid, copies in a haploid, or the probability of an allele. None is refused.
        loci: a table with the columns id, chromosome and position, and allele_0 and allele_1 where
            known; None leaves the loci in file order, on a chromosome `unknown`.
        strains: `same` requires the same strains in genotypes and phenotypes; `shared` uses those
            in both.
        facts: columns of the phenotypes that are facts of a strain, not phenotypes.

    Raises:
        DataError: naming file, line and column, for a file that is absent, cut short or malformed,
            a value outside the coding, a locus that the locus table lacks; and for no coding,
            naming the codings that fit.
    """
    file = source_file("data.path", path, "a CSV, TSV or Parquet table of genotypes")
    if coding is None:
        raise _coding_missing(file)
    table = phenotypes and source_file("data.phenotypes", phenotypes, A_TABLE)
    options = {"orientation": orientation, "coding": coding, "kind": kind_of(file)}
    options |= table_options(table, facts, optional_facts, strains)
    files = [file, *filter(None, [table])]
    if loci is not None:
        loci = source_file("data.loci", loci, "a table with one row for each locus, or null")
        options["loci"] = kind_of(loci)
        files.append(loci)

    def build() -> Panel:
        across = orientation == "strains_by_loci"
        rows, columns, genotypes = _genotypes(file, across, coding)
        genotyped, ids = (rows, columns) if across else (columns, rows)
        phenotyped = table and read_phenotypes(table, facts, optional_facts)
        named = set(phenotyped.strains if phenotyped else ())
        if not named.isdisjoint(ids) and named.isdisjoint(genotyped):
            transposed = "loci_by_strains" if across else "strains_by_loci"
            raise DataError(
                f"data.orientation={orientation}: the strains of {table} are on the other axis of "
                f"{file}. Set data.orientation={transposed}."
            )
        table_of_loci = _loci(loci, ids, file)
        return join_strains(file, genotyped, table_of_loci, genotypes, phenotyped, strains)

    fingerprint = files_fingerprint(folder, VERSION, options, files)
    return stored_panel(folder, "table", fingerprint, build), fingerprint


def _coding_missing(file: Path) -> DataError:
    """Return the error that asks for a coding and names those that fit all numbers of the file."""
    tabular = open_table(file)
    numbers = np.concatenate([tabular.numbers(c) for c in range(1, len(tabular.columns))])
    distinct = np.unique(numbers[~np.isnan(numbers)]).tolist()
    fitting = [name for name in MEANINGS if _fits(distinct, name)]
    if not distinct:
        return DataError(f"data.coding: {file} has no number; all of its cells are missing.")
    return DataError(
        f"data.coding: set the meaning of the numbers in {file}: "
        f"{'; '.join(f'{name} ({meaning})' for name, meaning in MEANINGS.items())}. Its numbers, "
        f"{listed((f'{number:g}' for number in distinct), 5)}, "
        f"fit {' or '.join(fitting) or 'none'}."
    )


def _fits(numbers: list[float], coding: str) -> bool:
    if coding == PROBABILITY:
        return all(0 <= number <= 1 for number in numbers)
    return set(numbers) <= set(CALLS[coding])


def _genotypes(file: Path, across: bool, coding: str) -> tuple[list[str], list[str], np.ndarray]:
    """Read names of the rows, names of the columns, and genotypes (N, L)."""
    tabular = open_table(file)
    rows = tabular.names(0, "strain" if across else "locus")
    convert = _probabilities if coding == PROBABILITY else _calls
    kind = np.float32 if coding == PROBABILITY else np.int8
    cells = np.empty((len(tabular.columns) - 1, len(rows)), kind)  # a row of it is a column there
    for column in range(1, len(tabular.columns)):
        cells[column - 1] = convert(tabular, column, coding)
    _warn_of_two_values(cells, file, coding)
    return rows, tabular.columns[1:], cells.T if across else cells


def _warn_of_two_values(cells: np.ndarray, file: Path, coding: str) -> None:
    """Warn of two alleles written 0 and 1, which fit the codings of diploids half as far apart."""
    if coding in ("-1/0/1", "0/1/2") and (cells == 0).any():
        for number, call in CALLS[coding].items():
            if call and not (cells == call).any():
                log.warning(
                    "%s: data.coding=%s, but no %d occurs in it, so one of its two values is taken "
                    "for the heterozygote. Haploids and inbred lines require data.coding=0/1.",
                    file, coding, number,
                )  # fmt: skip
                return


def _calls(tabular: TabularFile, column: int, coding: str) -> np.ndarray:
    codes = CALLS[coding]
    cells = tabular.cells(column)
    if is_text(cells):  # nearly always one of a few spellings, so parsing each cell is avoided
        spellings = [*MISSING, *map(str, codes), *(f"{number}.0" for number in codes)]
        values = [*[NO_CALL] * len(MISSING), *codes.values(), *codes.values()]
        indices = pc.index_in(cells, value_set=pa.array(spellings, cells.type))
        if not indices.null_count:
            return np.array(values, np.int8)[indices.to_numpy()]
    numbers = tabular.numbers(column)
    is_call = np.isnan(numbers) | np.isin(numbers, list(codes))
    _refuse(~is_call, numbers, tabular, column, coding)
    calls = np.full(len(numbers), NO_CALL, np.int8)
    for number, call in codes.items():
        calls[numbers == number] = call
    return calls


def _probabilities(tabular: TabularFile, column: int, coding: str) -> np.ndarray:
    numbers = tabular.numbers(column)
    _refuse((numbers < 0) | (numbers > 1), numbers, tabular, column, coding)
    return (2 * numbers - 1).astype(np.float32)


def _refuse(
    bad: np.ndarray, numbers: np.ndarray, tabular: TabularFile, column: int, coding: str
) -> None:
    if not bad.any():
        return
    row = int(np.argmax(bad))
    number = float(numbers[row])
    fitting = [name for name in MEANINGS if _fits([number], name)]
    raise DataError(
        f"{tabular.cell_location(row, column)}: {number:g} does not fit data.coding={coding}; it "
        f"would fit {' or '.join(fitting) or f'none of {listed(MEANINGS)}'}."
    )


def _loci(file: Path | None, ids: list[str], genotypes: Path) -> pa.Table:
    """Return the locus table of these loci, in this order."""
    if file is None:
        positions = {"chromosome": [UNKNOWN] * len(ids), "position": list(range(len(ids)))}
        return pa.table({"id": ids, **positions})
    tabular = open_table(file)
    names = ["id", "chromosome", "position"]
    if "allele_0" in tabular.columns or "allele_1" in tabular.columns:
        names += ["allele_0", "allele_1"]
    if absent := [name for name in names if name not in tabular.columns]:
        raise DataError(
            f"{file} has no column {absent[0]}; a locus table has id, chromosome and position, and "
            f"optionally allele_0 and allele_1. It has: {listed(tabular.columns)}."
        )
    column_of = {name: tabular.columns.index(name) for name in names}
    row_of = {name: row for row, name in enumerate(tabular.names(column_of["id"], "locus"))}
    if absent := [name for name in ids if name not in row_of]:
        raise DataError(
            f"{file} lacks {len(absent)} of the {len(ids)} loci of {genotypes} "
            f"({listed(absent, 3)}). Add a row for each, or set data.loci=null."
        )
    values = {name: tabular.texts(column_of[name]) for name in names if name != "position"}
    chromosomes = values["chromosome"].to_pylist()
    for row, chromosome in enumerate(chromosomes):
        if chromosome is None:
            cell = tabular.cell_location(row, column_of["chromosome"])
            raise DataError(f"{cell}: the chromosome is missing.")
    unit, first = tabular.unit
    refuse_control_characters(chromosomes, count(first), f"{file}, {unit}", "the chromosome")
    values["position"] = pa.array(tabular.positions(column_of["position"]))
    return pa.table({name: values[name] for name in names}).take([row_of[name] for name in ids])
