"""Updates to escape, as a survival curve: against products written out by hand."""

import numpy as np
import pyarrow as pa
import pytest

from g2p.stats.escape import curve_of_runs, escape_curve, escape_runs, plateau_warnings

NAN = float("nan")


def test_the_curve_is_kaplan_and_meiers_by_hand():
    """Six runs: escapes at 10, 20, 20, 40; one ends at 20 and one at 30 without.

    The share that has not escaped: 5/6 after 10; times 3/5 after 20, where the run that ends there
    is still at risk; times 0/1 after 40, when one is left.
    """
    curve = escape_curve(np.array([20, NAN, 10, 40, NAN, 20]), np.array([50, 20, 50, 50, 30, 50]))
    assert curve.updates.tolist() == [10, 20, 40]
    assert curve.share == pytest.approx([1 / 6, 1 / 2, 1])
    assert (curve.runs, curve.escaped, curve.median) == (6, 4, 20)
    assert [curve.quantile(share) for share in (1 / 6, 0.25, 0.75)] == [10, 20, 40]


def test_without_an_escape_there_is_no_step_and_no_median():
    curve = escape_curve(np.array([NAN, NAN]), np.array([50, 60]))
    assert curve.updates.tolist() == [] and curve.median is None
    assert (curve.runs, curve.escaped) == (2, 0)


def test_without_censoring_the_curve_is_the_share_of_escapes():
    times = np.array([5, 3, 8, 3, 1])
    curve = escape_curve(times.astype(float), np.full(5, 9))
    assert curve.share.tolist() == pytest.approx([np.mean(times <= t) for t in curve.updates])


ROWS = [
    {"arm": arm, "signature": f"{arm}{i}", "updates": 50, "escape_updates": escape,
     "ridge_r2": 0.5, "plateau": escape is None, "phenotype": phenotype}
    for arm, escapes in (("a", (10, 30)), ("b", (None, 20, None)))
    for i, escape in enumerate(escapes)
    for phenotype in ("p", "q")
]  # fmt: skip
CLOSED_FORM = {"arm": "c", "signature": "c0", "ridge_r2": 0.5}
WITHOUT_RIDGE = {"arm": "d", "signature": "d0", "updates": 50, "plateau": False}


def test_a_run_counts_once_and_only_where_its_escape_is_defined():
    rows = pa.Table.from_pylist([*ROWS, CLOSED_FORM, WITHOUT_RIDGE]).to_pylist()
    runs = {arm: escape_runs(row for row in rows if row["arm"] == arm) for arm in "abcd"}
    assert not runs["c"] and not runs["d"]
    curves = {arm: curve_of_runs(runs[arm]) for arm in "ab"}
    assert (curves["a"].runs, curves["a"].median) == (2, 10)
    assert (curves["b"].runs, curves["b"].escaped, curves["b"].median) == (3, 1, None)


def test_runs_that_end_on_the_plateau_are_a_warning():
    (sentence,) = plateau_warnings(pa.Table.from_pylist([*ROWS, CLOSED_FORM, WITHOUT_RIDGE]), "arm")
    assert sentence.startswith("2 of 3 runs of arm=b end on their additive plateau")
    again = [row | {"arm": "c", "signature": f"c{row['signature']}"} for row in ROWS[4:]]
    (sentence,) = plateau_warnings(pa.Table.from_pylist([*ROWS, *again]), "arm")
    assert sentence.startswith("2 of 3 runs each of arm=b, c end on their additive plateau")
