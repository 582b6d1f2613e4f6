"""The cross-validation that a study over folds is: `cv.csv` and `cv_tests.csv` in its folder."""

from pathlib import Path

import pyarrow as pa

from g2p.runs import fold_tests
from g2p.runs.cross_validation import configuration_title, write_scores
from g2p.runs.listing import write_csv
from g2p.stats.comparison import text_of
from g2p.stats.study_folds import StudyFolds, study_folds
from g2p.study.design import Study


def cross_validation(study: Study, table: pa.Table) -> StudyFolds | None:
    """Return the scores of a study over its folds; None where it has no folds, or one so far.

    Args:
        study: says which factors are folds.
        table: its rows that count (`scored_rows`).
    """
    if not study.folds:
        return None
    rows = [row for row in table.to_pylist() if row["status"] == "done" and row["split"] == "test"]
    besides = {study.arm, *study.folds, *study.select, "seed", "phenotypes"}
    settings = [
        name for name in study.points[0].factors
        if name not in besides and len({text_of(row[name]) for row in rows}) > 1
    ]  # fmt: skip
    return study_folds(rows, study.arm, settings, study.comparisons)


def write_folds(folder: Path, folds: StudyFolds) -> None:
    """Write cv.csv, a row for each configuration and phenotype, and cv_tests.csv."""
    write_scores(folder, folds.scores, folds.names)
    rows = [
        {
            "phenotype": test.phenotype,
            **{
                side: configuration_title((arm, *test.settings), folds.names)
                for side, arm in (("a", test.a), ("b", test.b))
            },
            **fold_tests.difference_cells(test.difference),
        }
        for test in folds.tests
    ]
    write_csv(folder / "cv_tests.csv", rows, fold_tests.COLUMNS)
