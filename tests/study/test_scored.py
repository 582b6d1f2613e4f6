"""The rows of a study that count, and ridge beside them, against what is written down here."""

from pathlib import Path
from statistics import fmean

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console
from scipy import stats

from g2p.data import load_panel
from g2p.runs.run import obtain_run
from g2p.stats.compare import compare
from g2p.stats.reference_checks import reference_warnings, ridge_references
from g2p.study.collect import collect
from g2p.study.expand import resolve
from g2p.study.scored import scored_rows
from tests.helpers.configs import SMALL_RIDGE, paths
from tests.helpers.studies import plan_study


def filled(tmp_path, of_row, **declared) -> pa.Table:
    """The rows that count of a study of a small panel, as if its runs had come to `of_row`."""
    runs = resolve(plan_study(**declared), [*SMALL_RIDGE[:2], *paths(tmp_path), "logger=none"])
    table = collect(tmp_path / "study", runs)
    rows = [row | {"status": "done"} | of_row(row) for row in table.to_pylist()]
    return scored_rows(pa.Table.from_pylist(rows, table.schema), runs)


def test_only_the_target_of_a_transfer_counts(tmp_path):
    """A joint run predicts two phenotypes, a single one the target; an alias names it."""
    table = filled(
        tmp_path, lambda row: {"r2": 0.5 if row["phenotype"] == "30C" else 0.9, "n": 30},
        set={"transfer": "target", "transfer.target": "YPD", "transfer.observations": 20},
        factors={"model": {"joint": {"model": "ridge"},
                           "single": {"model": "ridge", "transfer.method": "single"}}},
        phenotypes=[["30C", "cu"]],
    )  # fmt: skip
    assert set(table["r2"].to_pylist()) == {0.5}
    arms = zip(table["model"].to_pylist(), table["phenotype"].to_pylist(), strict=True)
    assert set(arms) == {("joint", "30C"), ("single", "30C")}
    assert len(set(table["same_setting"].to_pylist())) == 1  # the same values are known to both


def test_ridge_on_other_loci_is_another_reference(tmp_path):
    """Two thresholds of pruning: ridge is 0.4 on one and 0.6 on the other, by arm and by record."""
    ridge = {None: 0.4, 0.5: 0.6}
    arm_r2 = {"ridge": lambda r2: r2, "rung": lambda r2: 0.55}

    def of_row(row):
        r2 = ridge[row["data.max_correlation"]] + 0.01 * (row["phenotype"] == "cu")
        return {"r2": arm_r2[row["model"]](r2), "ridge_r2": r2}

    table = filled(
        tmp_path, of_row, phenotypes=["23C", "cu"],
        factors={"data.max_correlation": [None, 0.5], "model": ["ridge", "rung"]},
    )  # fmt: skip
    factors = ["data.max_correlation", "model"]
    references = ridge_references(table, factors)
    assert [one.where for one in references] == [
        {"data.max_correlation": None}, {"data.max_correlation": 0.5}
    ]  # fmt: skip
    assert [one.r2 for one in references] == [
        {"23C": pytest.approx(0.4), "cu": pytest.approx(0.41)},
        {"23C": pytest.approx(0.6), "cu": pytest.approx(0.61)},
    ]
    assert not set(references[0].signatures) & set(references[1].signatures)
    thinned = table.filter(pa.array([v == 0.5 for v in table["data.max_correlation"].to_pylist()]))
    (alone,) = ridge_references(thinned, factors)
    assert alone.where == {} and alone.r2 == references[1].r2
    # 0.55 beats 0.405 on all loci and not 0.605 on the pruned; a mean of both would hide it.
    assert reference_warnings(table, "data.max_correlation") == [
        "data.max_correlation=0.5 does not beat ridge (mean test R2 0.5500 against 0.6050)."
    ]


def test_a_pairwise_model_on_other_loci_is_no_rival(tmp_path):
    r2 = {"linear_pairwise": 0.9, "rung": 0.5}
    table = filled(
        tmp_path, lambda row: {"r2": r2[row["model"]], "ridge_r2": 0.3}, phenotypes=["cu"],
        factors={"model": {"linear_pairwise": {"model": "linear_pairwise"},
                           "rung": {"model": "rung", "data.max_correlation": 0.5}}},
    )  # fmt: skip
    assert reference_warnings(table) == []


@pytest.mark.parametrize("missing", ["mask", "drop_strain"])
def test_runs_of_one_phenotype_each_share_a_reference_where_its_values_agree(tmp_path, missing):
    """Dropping strains, a run of all phenotypes has other strains than a run of one."""
    ridge_r2 = {"30C": 0.5, "30C,cu": 0.5 if missing == "mask" else 0.45}
    table = filled(
        tmp_path, lambda row: {"r2": 0.6, "ridge_r2": ridge_r2[row["of"]]}, set={"model": "rung"},
        factors={"data.missing": [missing], "of": {"30C": {"phenotype": "30C"},
                                                   "30C,cu": {"phenotype": ["30C", "cu"]}}},
    )  # fmt: skip
    references = ridge_references(table, ["of"])
    if missing == "mask":
        assert [(one.r2, one.where) for one in references] == [({"30C": 0.5, "cu": 0.5}, {})]
    else:
        assert [(one.r2, one.where) for one in references] == [
            ({"30C": 0.5}, {"of": "30C"}), ({"30C": 0.45, "cu": 0.45}, {"of": "30C,cu"}),
        ]  # fmt: skip


def test_folds_of_trained_runs(tmp_path):
    """From runs to effect: each counts what it learned from, and ridge is ridge's own arm."""
    study = plan_study(
        set={"split": "kfold", "split.k": 3}, phenotypes=["cu"], compare=[["ridge", "gbdt"]],
        factors={"model": ["ridge", "gbdt"], "split.fold": [0, 1, 2]},
    )  # fmt: skip
    runs = resolve(study, [*SMALL_RIDGE[:2], *paths(tmp_path), "logger=none"])
    for run in runs:
        obtain_run(run.config, None, Console(quiet=True))
    table = scored_rows(collect(tmp_path / "study", runs), runs)
    (effect,) = compare(table, study.comparisons)
    rows = [row for row in table.to_pylist() if row["split"] == "test"]
    observed = {run.signature: observations(run, "cu") for run in runs}
    for row in rows:
        assert (row["n_train"], row["n"]) == observed[row["signature"]]
        assert row["ridge_r2"] == pytest.approx(
            next(r["r2"] for r in rows
                 if r["model"] == "ridge" and r["split.fold"] == row["split.fold"])
        )  # fmt: skip
    r2 = {(row["model"], row["split.fold"]): row["r2"] for row in rows}
    differences = [r2["gbdt", fold] - r2["ridge", fold] for fold in range(3)]
    share = fmean(row["n"] / row["n_train"] for row in rows)
    t = stats.ttest_1samp(differences, 0).statistic / np.sqrt(1 + 3 * share)
    assert effect.p == pytest.approx(2 * stats.t.sf(abs(t), 2))
    assert (effect.splits, effect.test_share) == (3, pytest.approx(share))
    lines = ridge_references(table, ["model", "split.fold"])
    assert [(one.r2["cu"], one.where) for one in lines] == [
        (r2["ridge", fold], {"split.fold": fold}) for fold in range(3)
    ]


def observations(run, phenotype: str) -> tuple[int, int]:
    """How many values of a phenotype the training and the test strains of a run have."""
    config = run.config
    panel, _ = load_panel(config["data"], Path(config["paths"]["cache"]))
    values = panel.phenotypes[:, panel.phenotype_names.index(phenotype)]
    split = run.make_split()
    return tuple(int(np.isfinite(values[split[part]]).sum()) for part in ("train", "test"))
