"""Covariates as a design matrix, against what a plain reading of the table gives."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.data.covariates import Design, fit_design
from g2p.data.preprocess import prepare
from g2p.data.split import Split
from g2p.data.strain_cells import cells_of
from tests.helpers.panels import PREPARE, QUALITY, make_panel


def panel_with(n=40, **columns):
    values = np.random.default_rng(0).standard_normal((n, 2))
    return make_panel(n, 6, 2, phenotypes=values, strain_table=pa.table(columns))


def split_of(n, n_train, n_val=8):
    rows = np.arange(n)
    ends = n_train, n_train + n_val
    parts = rows[: ends[0]], rows[ends[0] : ends[1]], rows[ends[1] :]
    return Split(dict(zip(("train", "val", "test"), parts, strict=True)))


def design(panel, split, covariates, categorical=(), components=0):
    return fit_design(panel, split, panel.genotypes, covariates, list(categorical), components)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), n_levels=st.integers(2, 4), missing=st.floats(0, 0.3))
def test_terms_are_centred_by_the_training_strains(seed, n_levels, missing):
    """Each level's share, each number's mean and sd; a strain without a value has zeros."""
    rng = np.random.default_rng(seed)
    n, train = 60, np.arange(40)
    groups = [f"g{i % n_levels}" for i in range(n)]
    ages = rng.normal(50, 9, n).round(3)
    absent = rng.random((n, 2)) < missing
    absent[: 2 * n_levels] = False
    group = [None if gone else value for value, gone in zip(groups, absent[:, 0], strict=True)]
    age = [None if gone else str(value) for value, gone in zip(ages, absent[:, 1], strict=True)]
    panel = panel_with(n, group=pa.array(group, pa.string()), age=pa.array(age, pa.string()))
    fitted, _ = design(panel, split_of(n, 40), ["group", "age"])
    X = fitted.matrix(cells_of(panel.strain_table, fitted.columns), panel.genotypes)
    levels = [term.level for term in fitted.terms]
    assert levels == [*sorted(set(groups)), None]
    is_present = np.array([value is not None for value in group])
    for i, level in enumerate(levels[:-1]):
        is_level = np.array([value == level for value in group], float)
        expected = np.where(is_present, is_level - is_level[train][is_present[train]].mean(), 0)
        np.testing.assert_allclose(X[:, i], expected)
    values = np.where(absent[:, 1], np.nan, ages)
    mean, sd = np.nanmean(values[train]), np.nanstd(values[train])
    np.testing.assert_allclose(X[:, -1], np.nan_to_num((values - mean) / sd), atol=1e-12)


def test_numbers_are_groups_where_the_user_says_so():
    panel = panel_with(batch=[str(i % 3) for i in range(40)])
    as_number, lines = design(panel, split_of(40, 24), ["batch"])
    assert [term.label for term in as_number.terms] == ["batch"]
    assert lines == ["covariates: batch (a number)"]
    as_groups, lines = design(panel, split_of(40, 24), ["batch"], ["batch"])
    assert [term.label for term in as_groups.terms] == ["batch=0", "batch=1", "batch=2"]
    assert lines == ["covariates: batch (3 levels)"]


def test_a_level_of_no_training_strain_counts_as_average_and_is_reported():
    panel = panel_with(cage=[f"c{i % 2}" for i in range(30)] + ["new"] * 9 + [None])
    fitted, lines = design(panel, split_of(40, 24), ["cage"])
    X = fitted.matrix(cells_of(panel.strain_table, ["cage"]), panel.genotypes)
    assert (X[:30] != 0).all() and not X[30:].any()
    assert lines[1:] == [
        "covariate cage: 1 strain without a value count as the average training strain.",
        "covariate cage: no training strain has new; 9 strains count as the average training "
        "strain.",
    ]
    assert fitted.unknown({}) == [
        "covariate cage: the panel has no such column; all strains count as the average training "
        "strain."
    ]
    assert not fitted.matrix({}, panel.genotypes).any()


def test_levels_of_one_training_strain_are_reported():
    cage = [*["a", "b"] * 9, "c", "d", "b", "b", "b", "b", *["d"] * 16]
    _, lines = design(panel_with(cage=cage), split_of(40, 24), ["cage"])
    assert lines == [
        "covariates: cage (4 levels)",
        "covariate cage: one training strain each, whose phenotype the effect will fit, has c, d.",
    ]


def test_one_value_has_one_text():
    """As CSV, Parquet and pandas write it; and what is no number is reported."""
    panel = panel_with(batch=pa.array(["1", "2.0"] * 20), ok=pa.array([True, False] * 20),
                       age=[str(i) for i in range(40)])  # fmt: skip
    fitted, _ = design(panel, split_of(40, 24), ["batch", "ok", "age"], ["batch"])
    labels = [term.label for term in fitted.terms]
    assert labels == ["batch=1", "batch=2", "ok=false", "ok=true", "age"]
    cells = {"batch": pa.array([1.0, 2.0]), "ok": pa.array(["True", "False"]),
             "age": pa.array(["old", "7.50"])}  # fmt: skip
    cells = cells_of(pa.table(cells), fitted.columns)
    first = cells_of(panel.strain_table.slice(0, 2), fitted.columns)
    genotypes = panel.genotypes[:2]
    X, expected = fitted.matrix(cells, genotypes), fitted.matrix(first, genotypes)
    np.testing.assert_array_equal(X[:, :4], expected[:, :4])
    assert X[0, 4] == 0 and X[1, 4] != 0
    assert fitted.unknown(cells) == [
        "covariate age: 'old' is no number; 1 strain count as the average training strain."
    ]


def test_principal_components_are_those_of_the_training_strains():
    """The scores of numpy's singular vectors, up to sign, with variance 1 on training strains."""
    panel = make_panel(60, 12, 2)
    split = split_of(60, 40)
    fitted, lines = design(panel, split, [], components=3)
    assert lines == ["covariates: 3 principal components"]
    X = fitted.matrix({}, panel.genotypes)
    centred = panel.genotypes.astype(float) - panel.genotypes[:40].mean(axis=0)
    scores = centred @ np.linalg.svd(centred[:40])[2][:3].T
    scores /= scores[:40].std(axis=0)
    np.testing.assert_allclose(np.abs(X), np.abs(scores), atol=1e-3)
    changed = replace(panel, genotypes=panel.genotypes.copy())
    changed.genotypes[50:] = 1
    again, _ = design(changed, split, [], components=3)
    np.testing.assert_array_equal(again.loadings, fitted.loadings)


def test_a_design_is_the_same_after_a_checkpoint():
    panel = panel_with(sex=["f", "m"] * 20, age=[str(i) for i in range(40)])
    fitted, _ = design(panel, split_of(40, 24), ["sex", "age"], components=2)
    again = Design.from_plain(fitted.as_plain(), fitted.centre.tolist())
    cells = cells_of(panel.strain_table, fitted.columns)
    np.testing.assert_array_equal(
        fitted.matrix(cells, panel.genotypes), again.matrix(cells, panel.genotypes)
    )
    with pytest.raises(ValueError, match="not finite"):
        Design.from_plain({"terms": [vars(fitted.terms[0]) | {"sd": 0}], "loadings": []}, [0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"covariates": ["sx"]}, r"data.covariates=sx: .* Did you mean 'sex'\? It has: sex, one"),
        ({"covariates": ["p0"]}, "'p0' is a phenotype of this panel"),
        ({"covariates": [1]}, "must be a list of column names"),
        ({"covariates": ["one"]}, "'one' is 'x' in all 24 training strains, so .* Leave it out"),
        ({"covariates": ["late"]}, "'late' is 'a' in all 24 training strains"),
        ({"covariates": ["none"]}, "'none' has no value in any of 24 training strains"),
        ({"covariates": ["same"]}, "'same' is '2' in all"),
        ({"covariates": ["alike"]}, "'alike' has no two finite values that differ"),
        ({"covariates": ["each"]}, "24 levels among 24 training strains: it names strains"),
        ({"categorical": ["sex"]}, "data.categorical: sex is not in data.covariates"),
        ({"principal_components": 6}, "24 training strains at 6 loci have fewer"),
        ({"covariates": ["many", "more"]}, "do not determine the effects of 24 covariates"),
    ],
)
def test_what_cannot_be_a_covariate(options, message):
    n = 40
    panel = panel_with(
        sex=["f", "m"] * 20, one=["x"] * n, late=["a"] * 30 + ["b"] * 10,
        none=pa.nulls(n, pa.string()), same=["2"] * n, alike=["1e999", "2"] * 20,
        each=[f"s{i}" for i in range(n)], many=[f"a{i % 12}" for i in range(n)],
        more=[f"b{i % 12}" for i in range(n)],
    )  # fmt: skip
    with pytest.raises(G2PError, match=message):
        prepare(panel, split_of(n, 24), [0, 1], QUALITY, **PREPARE | options)
