"""The tests between configurations of a cross-validation: `cv_tests.csv`, and as a table."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite

from rich.table import Column, Table

from g2p.stats.cross_validation import Difference, Fold, compare

COLUMNS = (
    "phenotype", "a", "b", "folds", "mean", "low", "high", "p", "p_holm", "detectable"
)  # fmt: skip
MOST_COMPARED = 20  # configurations; beyond, too many pairs for anyone to read
MOST_PRINTED = 15  # tests; more are in cv_tests.csv alone


def pairwise_tests(folds: Mapping[str, Mapping[str, Sequence[Fold]]]) -> list[dict]:
    """Return the tests between each two configurations; within a phenotype, one family.

    Those that were tested on no strains in common are not compared.

    Args:
        folds: configuration -> phenotype -> folds.
    """
    rows = []
    for phenotype in dict.fromkeys(name for each in folds.values() for name in each):
        arms = [each for each in folds if phenotype in folds[each]][:MOST_COMPARED]
        tested = {arm: {(fold.round, fold.fold) for fold in folds[arm][phenotype]} for arm in arms}
        pairs = [(a, b) for a, b in itertools.combinations(arms, 2) if tested[a] & tested[b]]
        results = compare([(folds[a][phenotype], folds[b][phenotype]) for a, b in pairs])
        rows += [
            {"phenotype": phenotype, "a": a, "b": b} | difference_cells(result)
            for (a, b), result in zip(pairs, results, strict=True)
        ]
    return rows


def difference_cells(result: Difference) -> dict:
    """Return the cells of a test in cv_tests.csv."""
    cells = {"folds": result.folds, "mean": result.mean, "p_holm": result.p_holm}
    return cells | asdict(result.test)


def tests_table(rows: Sequence[Mapping]) -> Table:
    """Return the table to print, of rows as `pairwise_tests` gives them."""
    table = Table(
        Column("comparison", overflow="fold"), Column("phenotype", overflow="fold"),
        *(Column(name, justify="right", no_wrap=True)
          for name in ("change in R2", "95% interval", "p (Holm)")),
        title="corrected resampled t-test within a phenotype",
    )  # fmt: skip
    for row in rows:
        interval = f"{row['low']:+z.4f} {row['high']:+z.4f}" if isfinite(row["low"]) else ""
        p = f"{row['p_holm']:.2g}" if isfinite(row["p_holm"]) else ""
        comparison = f"{row['a']} to {row['b']}"
        table.add_row(comparison, row["phenotype"], f"{row['mean']:+z.4f}", interval, p)
    return table
