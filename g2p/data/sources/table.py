"""Genotypes in a table of one's own, CSV, TSV (plain or gzipped) or Parquet.

The first column names the strains and the header the loci, or the other way round. What the numbers
mean is said by `coding`, never guessed: 0 and 1 may be alleles, copies or calls, so it has no
default. A locus table may say where the loci lie.
"""

import logging
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from g2p.config.constraints import OnlyIf
from g2p.core.errors import UserError, listed
from g2p.data.panel import NO_CALL, Panel
from g2p.data.panel_store import files_fingerprint, stored_panel
from g2p.data.sources.delimited_text import MISSING, refuse_control_characters
from g2p.data.sources.phenotypes import A_TABLE, joined, read_phenotypes, table_options
from g2p.data.sources.tabular import TabularFile, is_text, kind_of, open_table, source_file

log = logging.getLogger(__name__)

# Raise when the same files would be read into another panel.
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
    path: Path,
    phenotypes: Path | None,
    orientation: Literal["strains_by_loci", "loci_by_strains"],
    coding: Literal["-1/0/1", "0/1/2", "0/1", "probability", None],
    loci: Path | None,
    strains: Annotated[Literal["same", "shared"], OnlyIf("phenotypes")],
    facts: Annotated[list, OnlyIf("phenotypes")],
) -> tuple[Panel, str]:
    """The panel and its fingerprint, from the store in `folder`, or read from the files.

    Args:
        folder: of the store.
        path: the genotypes; an empty cell or NA is a missing one.
        phenotypes: a table (`g2p.data.sources.phenotypes`); None for a panel to be predicted.
        orientation: what rows and columns of the genotypes are.
        coding: what their numbers mean: calls as they are stored, copies of an allele in a diploid,
            copies in a haploid, or the probability of an allele. None is refused.
        loci: a table with the columns id, chromosome and position, and allele_0 and allele_1 where
            known; None leaves the loci in file order, on a chromosome `unknown`.
        strains: whether genotypes and phenotypes must be of the same strains, or the shared ones
            are kept.
        facts: columns of the phenotypes that are facts of a strain, not phenotypes.

    Raises:
        UserError: naming file, line and column, for a file that is absent, cut short or malformed,
            a value outside the coding, a locus that the locus table lacks; and for no coding,
            naming those that fit.
    """
    file = source_file("data.path", path, "a CSV, TSV or Parquet table of genotypes")
    if coding is None:
        raise _no_coding(file)
    table = phenotypes and source_file("data.phenotypes", phenotypes, A_TABLE)
    options = {"orientation": orientation, "coding": coding, "kind": kind_of(file)}
    options |= table_options(table, facts, strains)
    files = [file, *filter(None, [table])]
    if loci is not None:
        loci = source_file("data.loci", loci, "a table with a row a locus, or null")
        options["loci"] = kind_of(loci)
        files.append(loci)

    def build() -> Panel:
        across = orientation == "strains_by_loci"
        rows, columns, genotypes = _genotypes(file, across, coding)
        genotyped, ids = (rows, columns) if across else (columns, rows)
        known = table and read_phenotypes(table, facts)
        named = set(known.strains if known else ())
        if not named.isdisjoint(ids) and named.isdisjoint(genotyped):
            raise UserError(
                f"data.orientation={orientation}: the strains of {table} are the other side of "
                f"{file}. Set data.orientation to the other."
            )
        return joined(file, genotyped, _loci(loci, ids, file), genotypes, known, strains)

    fingerprint = files_fingerprint(folder, VERSION, options, files)
    return stored_panel(folder, "table", fingerprint, build), fingerprint


def _no_coding(file: Path) -> UserError:
    """The message that asks for a coding; it names those that all numbers of the file fit."""
    sheet = open_table(file)
    columns = [sheet.numbers(column) for column in range(1, len(sheet.columns))]
    found = set(np.unique(np.concatenate(columns)).tolist())
    found = sorted(number for number in found if number == number)
    fitting = [name for name in MEANINGS if _fits(found, name)]
    if not found:
        return UserError(f"data.coding: {file} has no number in it; all of it is missing.")
    return UserError(
        f"data.coding: say what the numbers of {file} mean: "
        f"{'; '.join(f'{name} ({meaning})' for name, meaning in MEANINGS.items())}. Its numbers, "
        f"{listed((f'{number:g}' for number in found), 5)}, fit {' or '.join(fitting) or 'none'}."
    )


def _fits(numbers: list[float], coding: str) -> bool:
    if coding == PROBABILITY:
        return all(0 <= number <= 1 for number in numbers)
    return set(numbers) <= set(CALLS[coding])


def _genotypes(file: Path, across: bool, coding: str) -> tuple[list[str], list[str], np.ndarray]:
    """Names of the rows, names of the columns, genotypes (N, L)."""
    sheet = open_table(file)
    rows = sheet.names(0, "strain" if across else "locus")
    convert = _probabilities if coding == PROBABILITY else _calls
    kind = np.float32 if coding == PROBABILITY else np.int8
    cells = np.empty((len(sheet.columns) - 1, len(rows)), kind)  # a row of it is a column there
    for column in range(1, len(sheet.columns)):
        cells[column - 1] = convert(sheet, column, coding)
    _warn_of_two_values(cells, file, coding)
    return rows, sheet.columns[1:], cells.T if across else cells


def _warn_of_two_values(cells: np.ndarray, file: Path, coding: str) -> None:
    """Two alleles that are written 0 and 1 fit the codings of diploids, and half as far apart."""
    if coding in ("-1/0/1", "0/1/2") and (cells == 0).any():
        for number, call in CALLS[coding].items():
            if call and not (cells == call).any():
                log.warning(
                    "%s: data.coding=%s, but no %d occurs in it, so one of its two values is taken "
                    "for the heterozygote. data.coding=0/1 is that of haploids and inbred lines.",
                    file, coding, number,
                )  # fmt: skip
                return


def _calls(sheet: TabularFile, column: int, coding: str) -> np.ndarray:
    codes = CALLS[coding]
    cells = sheet.cells(column)
    if is_text(cells):  # nearly always one of a few words, so no cell needs to be a number first
        words = [*MISSING, *map(str, codes), *(f"{number}.0" for number in codes)]
        meant = [*[NO_CALL] * len(MISSING), *codes.values(), *codes.values()]
        found = pc.index_in(cells, value_set=pa.array(words, cells.type))
        if not found.null_count:
            return np.array(meant, np.int8)[found.to_numpy()]
    numbers = sheet.numbers(column)
    calls = np.full(len(numbers), NO_CALL, np.int8)
    known = np.isnan(numbers)
    for number, call in codes.items():
        calls[numbers == number] = call
        known |= numbers == number
    _refuse(~known, numbers, sheet, column, coding)
    return calls


def _probabilities(sheet: TabularFile, column: int, coding: str) -> np.ndarray:
    numbers = sheet.numbers(column)
    _refuse((numbers < 0) | (numbers > 1), numbers, sheet, column, coding)
    return (2 * numbers - 1).astype(np.float32)


def _refuse(
    bad: np.ndarray, numbers: np.ndarray, sheet: TabularFile, column: int, coding: str
) -> None:
    if not bad.any():
        return
    row = int(np.argmax(bad))
    number = float(numbers[row])
    fitting = [name for name in MEANINGS if _fits([number], name)]
    raise UserError(
        f"{sheet.place(row, column)}: {number:g} does not fit data.coding={coding}; it would "
        f"fit {' or '.join(fitting) or f'none of {listed(MEANINGS)}'}."
    )


def _loci(file: Path | None, ids: list[str], genotypes: Path) -> pa.Table:
    """The locus table of these loci, in this order."""
    if file is None:
        places = {"chromosome": ["unknown"] * len(ids), "position": list(range(len(ids)))}
        return pa.table({"id": ids, **places})
    sheet = open_table(file)
    wanted = ["id", "chromosome", "position"]
    if "allele_0" in sheet.columns or "allele_1" in sheet.columns:
        wanted += ["allele_0", "allele_1"]
    if absent := [name for name in wanted if name not in sheet.columns]:
        raise UserError(
            f"{file} has no column {absent[0]}; a locus table has id, chromosome and position, and "
            f"allele_0 and allele_1 where both are known. It has: {listed(sheet.columns)}."
        )
    place = {name: sheet.columns.index(name) for name in wanted}
    row_of = {name: row for row, name in enumerate(sheet.names(place["id"], "locus"))}
    if absent := [name for name in ids if name not in row_of]:
        raise UserError(
            f"{file} lacks {len(absent)} of the {len(ids)} loci of {genotypes} "
            f"({listed(absent, 3)}). Give each a row, or leave data.loci null."
        )
    known = {name: sheet.texts(place[name]) for name in wanted if name != "position"}
    chromosomes = known["chromosome"].to_pylist()
    for row, chromosome in enumerate(chromosomes):
        if chromosome is None:
            raise UserError(f"{sheet.place(row, place['chromosome'])}: the chromosome is missing.")
    unit, first = sheet.unit
    refuse_control_characters(chromosomes, count(first), f"{file}, {unit}", "the chromosome")
    known["position"] = pa.array(sheet.positions(place["position"]))
    return pa.table({name: known[name] for name in wanted}).take([row_of[name] for name in ids])
