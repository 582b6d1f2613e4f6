"""The comparisons of the kept rows of studies, as `sweep.py --collect` makes them of runs.

ladder_effects.csv, layers_effects.csv, opponents_effects.csv
                       the corrected test of each pair that the study compares
scaling_crossings.csv  where curves against training strains cross
opponents_cv.csv       R2 and r of each model, panel and phenotype over the folds done so far
opponents_cv_tests.csv the tests of its pairs, phenotype by phenotype
opponents_means.csv    means of opponents_cv.csv over the phenotypes of a panel

`benchmarks.findings_tables` writes them. The rows have no panel beside them, so what `--collect`
reads from the runs' configurations is said here: `SPLITS`.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from g2p.stats.compare import compare
from g2p.stats.crossing import find_crossings
from g2p.stats.crossing_table import COLUMNS, crossing_rows
from g2p.stats.effects_table import effects_table
from g2p.study.cross_validation import cross_validation, write_folds
from g2p.study.design import Study, load_study

FINDINGS = Path(__file__).parent.parent / "docs" / "findings"
# What a split of each study is told by: rows that agree in it have the same test strains.
BY_SEED = ["seed"]
SPLITS = {
    "ladder": BY_SEED, "layers": BY_SEED, "scaling": BY_SEED, "opponents": ["panel", "split.fold"],
}  # fmt: skip
EFFECT = ["a", "b", "mean", "low", "high", "p", "p_holm", "detectable", "seeds"]


def derive_comparisons() -> dict[str, pd.DataFrame]:
    """Return file name -> table."""
    spec, rows = _study("scaling")
    crossings = crossing_rows(find_crossings(rows.to_pylist(), spec.crossings))
    return {
        "ladder_effects.csv": _effects("ladder"),
        "layers_effects.csv": _effects("layers"),
        "opponents_effects.csv": _effects("opponents"),
        "scaling_crossings.csv": pd.DataFrame(crossings, columns=COLUMNS),
        **_opponents(),
    }


def _study(name: str) -> tuple[Study, pa.Table]:
    """Return a study's plan, and its kept rows on test strains that count."""
    files = sorted(FINDINGS.glob(f"{name}-*.parquet"))
    table = pa.concat_tables(map(pq.read_table, files), promote_options="default")
    counts = pc.and_(pc.equal(table["split"], "test"), pc.equal(table["status"], "done"))
    table = table.filter(pc.and_(counts, table["selected"]))
    *of_round, _ = of_split = SPLITS[name]
    table = table.append_column("same_split", _numbered(table, of_split))
    table = table.append_column("same_round", _numbered(table, of_round or of_split))
    phenotypes = table["phenotype"].unique().to_pylist()
    return load_study(name, "laptop", lambda overrides: phenotypes), table


def _numbered(table: pa.Table, columns: list[str]) -> pa.Array:
    """Return equal numbers for rows that agree in these columns."""
    frame = table.select(columns).to_pandas()
    return pa.array(frame.groupby(columns, sort=False).ngroup())


def _effects(name: str) -> pd.DataFrame:
    """Return a row for each pair, with the level at which it is compared in a column of its own."""
    spec, rows = _study(name)
    table = effects_table(compare(rows, spec.comparisons)).to_pandas()
    within = spec.comparisons[0].within
    table = table.rename(columns={"level": within}) if within else table
    is_pair = np.array([not each.trend for each in spec.comparisons])
    table = table[is_pair & table["mean"].notna()]
    return table[[within, *EFFECT] if within else EFFECT].reset_index(drop=True)


def _opponents() -> dict[str, pd.DataFrame]:
    with tempfile.TemporaryDirectory() as folder:
        folds = cross_validation(*_study("opponents"))
        assert folds is not None  # several folds are kept
        write_folds(Path(folder), folds)
        cv, tests = (pd.read_csv(Path(folder) / f"{name}.csv") for name in ("cv", "cv_tests"))
    by_panel = cv.groupby(["model", "panel"], sort=False)
    means = by_panel[["folds", "r_mean", "r2_mean", "r2_se", "r2_pooled"]].mean()
    # Of several phenotypes, errors over the same folds are not averaged.
    means["phenotypes"] = by_panel.size()
    means.loc[means["phenotypes"] > 1, "r2_se"] = None
    return {
        "opponents_cv.csv": cv, "opponents_cv_tests.csv": tests,
        "opponents_means.csv": means.reset_index(),
    }  # fmt: skip
