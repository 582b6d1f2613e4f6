"""Read a phenotype table, and join it, by strain name, to genotypes to make a panel.

One row for each strain, which the first column names; or FID and IID in the first two, as plink
and GCTA write them (.pheno, .phen), and then with plink's -9 for a missing value. A column is a
phenotype, a fact of the strain, or, where it is called as a phenotype with `_se` behind it, that
phenotype's standard error.
"""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from g2p.core.errors import DataError
from g2p.core.phrases import listed, nearest
from g2p.data.panel import Panel
from g2p.data.sources.delimited_text import MISSING, NUMBER, first_cells
from g2p.data.sources.tabular import PARQUET, TabularFile, kind_of, open_table

log = logging.getLogger(__name__)

PLINK_MISSING = -9
ERROR_SUFFIX = "_se"
A_TABLE = "a CSV, TSV or Parquet table with one row for each strain"


@dataclass(frozen=True, eq=False)
class Phenotypes:
    """Phenotypes and facts of M strains.

    Attributes:
        origin: the file, for messages.
        strains: the M names.
        names: of the P phenotypes.
        values: (M, P) float64, NaN where missing.
        errors: (M, P) float64, their standard errors, NaN where unknown; None where there are none.
        facts: a row a strain, all columns text, null where missing; None where there are none.
    """

    origin: Path
    strains: list[str]
    names: list[str]
    values: np.ndarray
    errors: np.ndarray | None
    facts: pa.Table | None


def table_options(file: Path | None, facts: list, optional_facts: list, strains: str) -> dict:
    """Return the options that decide how the phenotype table is read, for the fingerprint."""
    if file is None:
        return {"phenotypes": None}
    if not all(isinstance(name, str) for name in facts):
        raise DataError(f"data.facts must be a list of column names, not {facts!r}.")
    facts = sorted({*facts, *map(str, optional_facts)})
    options = {"facts": facts, "strains": strains, "phenotypes": kind_of(file)}
    return options | ({"missing": PLINK_MISSING} if _begins_with_iid(file) else {})


def read_phenotypes(file: Path, facts: list[str], optional_facts: list[str]) -> Phenotypes:
    """Read the phenotype table in `file`; its columns `facts` are facts of the strains.

    So are its columns among `optional_facts`, some of which it may not have.

    Raises:
        DataError: naming file, line and column, for a cell that is not a number, a strain or a
            column that appears twice, a fact that is not a column, a standard error below 0.
    """
    table = open_table(file, _plink_header(file))
    first = [name.removeprefix("#") for name in table.columns[:2]]
    plink = first == ["FID", "IID"] or _begins_with_iid(file)
    start = 2 if first == ["FID", "IID"] else 1
    columns = table.columns[start:]
    for name in facts:
        if name not in columns:
            raise DataError(
                f"data.facts: {file} has no column '{name}'.{nearest(name, columns)} "
                f"It has: {listed(columns)}."
            )
    facts = [*facts, *optional_facts]
    others = [name for name in columns if name not in facts]
    error_names = _error_names(others)
    names = [name for name in others if name not in error_names]
    if not names:
        raise DataError(
            f"{file} has no phenotype: its columns after the strain's name ({listed(facts)}) "
            "are all facts. A table of facts alone is data.strain_table."
        )
    remedy = " List a column that is not a phenotype in data.facts."

    def numbers(name: str) -> np.ndarray:
        values = table.numbers(table.columns.index(name, start), remedy)
        return np.where(values == PLINK_MISSING, np.nan, values) if plink else values

    errors = None
    if error_names:
        errors = np.full((len(table.table), len(names)), np.nan)
        for name in error_names:
            errors[:, names.index(name.removesuffix(ERROR_SUFFIX))] = numbers(name)
            refuse_negative(numbers(name), table, table.columns.index(name, start))
    facts_by_name = {n: table.texts(table.columns.index(n, start)) for n in columns if n in facts}
    if plink:  # in columns that splits may name, -9 was a value before covariates existed
        covariates = {n: facts_by_name[n] for n in optional_facts if n in facts_by_name}
        facts_by_name |= {n: without_plink_missing(values) for n, values in covariates.items()}
    return Phenotypes(
        origin=file,
        strains=table.names(start - 1, "strain"),
        names=names,
        values=np.stack([numbers(name) for name in names], axis=1),
        errors=errors,
        facts=pa.table(facts_by_name) if facts_by_name else None,
    )


def _begins_with_iid(file: Path) -> bool:
    """Whether it is a table as PLINK 2 writes it, without families."""
    return kind_of(file) != PARQUET and first_cells(file)[0].split(",")[0] in ("IID", "#IID")


def _plink_header(file: Path) -> list[str] | None:
    """Return the header that a .phen or .pheno lacks, as GCTA writes them; None where it has one.

    Such a file begins with FID, IID and values. One phenotype is called `phenotype`, several
    `phenotype1`, `phenotype2`, ...
    """
    if kind_of(file) not in (".phen", ".pheno"):
        return None
    first = first_cells(file)
    values = first[2:]
    if not values or not all(cell in MISSING or NUMBER.fullmatch(cell) for cell in values):
        return None
    several = [f"phenotype{number}" for number in range(1, len(values) + 1)]
    return ["FID", "IID", *(several if len(several) > 1 else ["phenotype"])]


def without_plink_missing(values: pa.Array) -> pa.Array:
    """Return texts, null where they are plink's code for a missing value."""
    is_missing = pc.match_substring_regex(values, rf"^{PLINK_MISSING}(\.0*)?$").fill_null(False)
    return pc.if_else(is_missing, pa.scalar(None, pa.string()), values)


def _error_names(columns: list[str]) -> list[str]:
    """Return the columns that are standard errors of another column."""
    errors: list[str] = []
    for name in sorted(columns, key=len):  # an error has none: beside y and y_se, y_se_se is not
        base = name.removesuffix(ERROR_SUFFIX)
        if base != name and base in columns and base not in errors:
            errors.append(name)
    return errors


def refuse_negative(errors: np.ndarray, table: TabularFile, column: int) -> None:
    """Refuse standard errors below 0.

    Raises:
        DataError: naming file, line and column.
    """
    if (negative := errors < 0).any():
        row = int(np.argmax(negative))
        raise DataError(
            f"{table.cell_location(row, column)}: {errors[row]:g} is no standard error, which is "
            "at least 0 (unknown ones are empty or NA)."
        )


def join_strains(
    origin: Path,
    strains: list[str],
    loci: pa.Table,
    genotypes: np.ndarray,
    phenotypes: Phenotypes | None,
    keep: str,
) -> Panel:
    """Return the panel of strains that have both, in the genotypes' order, loci in genome order.

    Without phenotypes it has genotypes alone, to be predicted.

    Args:
        origin: the genotypes' file, for messages.
        strains: its N strains.
        loci: its L loci, in any order.
        genotypes: (N, L).
        phenotypes: of these strains, in any order.
        keep: `same` refuses strains that lack one of the two; `shared` leaves them out.

    Raises:
        DataError: for strains that differ under `same`, and when no strain is in both.
    """
    order = genome_order(loci)
    if phenotypes is None:
        return Panel(
            genotypes=genotypes[:, order],
            phenotypes=np.empty((len(strains), 0)),
            strains=strains,
            phenotype_names=[],
            loci=loci.take(order),
        )
    row_of = {strain: row for row, strain in enumerate(phenotypes.strains)}
    genotyped = set(strains)
    without = [strain for strain in strains if strain not in row_of]
    extra = [strain for strain in phenotypes.strains if strain not in genotyped]
    if (keep == "same" and (without or extra)) or len(without) == len(strains):
        remedy = (
            "data.strains=shared uses only the strains that have both."
            if len(without) < len(strains)
            else f"No strain is in both: compare their names, such as {strains[0]!r} in the first "
            f"and {phenotypes.strains[0]!r} in the second."
        )
        raise DataError(
            f"{origin} and {phenotypes.origin} hold different strains: "
            f"{len(without)} have no phenotypes ({listed(without, 3) or 'none'}), "
            f"{len(extra)} have no genotypes ({listed(extra, 3) or 'none'}). {remedy}"
        )
    if without or extra:
        log.warning(
            "%d strains are in both files; left out: %d of %s without phenotypes, "
            "%d of %s without genotypes.",
            len(strains) - len(without), len(without), origin, len(extra), phenotypes.origin,
        )  # fmt: skip
    rows = [row for row, strain in enumerate(strains) if strain in row_of]
    shared = [strains[row] for row in rows]
    partners = [row_of[strain] for strain in shared]
    return Panel(
        genotypes=genotypes[rows][:, order],
        phenotypes=phenotypes.values[partners],
        standard_errors=None if phenotypes.errors is None else phenotypes.errors[partners],
        strains=shared,
        phenotype_names=phenotypes.names,
        loci=loci.take(order),
        strain_table=phenotypes.facts.take(partners) if phenotypes.facts else None,
    )


def genome_order(loci: pa.Table) -> np.ndarray:
    """Return rows of a locus table by chromosome (2 before 10, 22 before X), then by position."""
    chromosomes = loci["chromosome"].to_pylist()
    rank = {name: i for i, name in enumerate(sorted(set(chromosomes), key=_natural_key))}
    return np.lexsort((loci["position"].to_numpy(), [rank[name] for name in chromosomes]))


def _natural_key(name: str) -> tuple[list, str]:
    """Sort chr2 before chr10: every second part of re.split is a number of any length."""
    parts = re.split("([0-9]+)", name)
    digits = [part.lstrip("0") for part in parts]
    return [(len(digits[i]), digits[i]) if i % 2 else p for i, p in enumerate(parts)], name
