"""Splits: who trains, who is looked at once, against scikit-learn and against their promises."""

import inspect
import json
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, train_test_split

from g2p.config.registry import choices
from g2p.core.errors import G2PError
from g2p.data import split as splits
from g2p.data.preprocess import prepare
from g2p.runs.run import run
from tests.helpers.panels import PREPARE, QUALITY, make_panel


@pytest.mark.parametrize("n", [20, 1008])
def test_the_standard_split(n):
    split = splits.random(make_panel(n), [], seed=42, n_train=None, test_share=0.15)
    rest, test = train_test_split(np.arange(n), test_size=0.15, random_state=42)
    train, val = train_test_split(rest, test_size=0.15, random_state=42)
    for part, rows in (("train", train), ("val", val), ("test", test)):
        np.testing.assert_array_equal(split[part], rows)


@settings(deadline=None, max_examples=20)
@given(n=st.integers(20, 200), k=st.integers(2, 10), seed=st.integers(0, 99))
def test_folds_cover_each_strain_once(n, k, seed):
    tests = []
    for fold in range(k):
        split = splits.kfold(
            make_panel(n), [], seed=seed, k=k, fold=fold, val_share=0.15, n_train=None
        )
        assert sorted(np.concatenate(list(split.values())).tolist()) == list(range(n))
        tests.append(split["test"])
    assert sorted(np.concatenate(tests).tolist()) == list(range(n))
    folds = KFold(k, shuffle=True, random_state=seed).split(np.arange(n))
    np.testing.assert_array_equal(tests[-1], list(folds)[-1][1])


@pytest.mark.parametrize(
    "split",
    [
        lambda: splits.random(make_panel(1), [], seed=0, n_train=None, test_share=0.15),
        lambda: splits.kfold(make_panel(3), [], seed=0, k=4, fold=0, val_share=0.15, n_train=None),
    ],
)
def test_too_few_strains(split):
    with pytest.raises(G2PError, match="too few"):
        split()


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(30, 300),
    seed=st.integers(0, 99),
    share=st.floats(0.05, 0.5),
    missing=st.floats(0, 0.5),
    name=st.sampled_from(["random", "kfold"]),
    data=st.data(),
)
def test_numbers_of_training_strains_are_nested(n, seed, share, missing, name, data):
    phenotypes = np.random.default_rng(seed).standard_normal((n, 2))
    phenotypes[np.random.default_rng(seed + 1).random((n, 2)) < missing] = np.nan
    panel = make_panel(n, phenotypes=phenotypes)
    labelled = np.isfinite(phenotypes).any(axis=1)
    options = {
        "random": {"test_share": share},
        "kfold": {"k": 4, "fold": 1, "val_share": share},
    }[name]  # fmt: skip
    split = partial(getattr(splits, name), panel, [0, 1], seed=seed, **options)
    whole = split(n_train=None)
    learned = np.concatenate([whole["train"], whole["val"]])
    most = labelled[learned].sum()
    val_share = share if name == "kfold" else 0.15
    smaller = None
    for size in sorted({*data.draw(st.sets(st.integers(1, most), max_size=5)), most}):
        n_val = max(math.ceil(val_share * size), size - labelled[whole["train"]].sum())
        n_val = min(n_val, labelled[whole["val"]].sum())
        if min(n_val, size - n_val) < 2:
            with pytest.raises(G2PError, match=f"split.n_train={size} is too few"):
                split(n_train=size)
            continue
        part = split(n_train=size)
        assert len(part["train"]) + len(part["val"]) == size
        used = np.concatenate(list(part.values()))
        assert len(set(used)) == len(used)
        np.testing.assert_array_equal(part["test"], whole["test"])
        assert labelled[part["train"]].all() and labelled[part["val"]].all()
        assert len(part["val"]) == n_val
        for subset in ("train", "val"):
            assert set(part[subset]) <= set(whole[subset])
            assert smaller is None or set(smaller[subset]) <= set(part[subset])
        smaller = part
    if not missing and smaller is not None:
        assert all(set(smaller[subset]) == set(whole[subset]) for subset in whole)
    with pytest.raises(G2PError, match=f"n_train={most + 1} is more .*, {most}. split"):
        split(n_train=most + 1)


def test_the_test_share():
    split = splits.random(make_panel(100), [], seed=1, n_train=None, test_share=0.4)
    assert [len(split[subset]) for subset in splits.SUBSETS] == [51, 9, 40]
    rest, test = train_test_split(np.arange(100), test_size=0.4, random_state=1)
    np.testing.assert_array_equal(split["test"], test)
    assert set(split["train"]) | set(split["val"]) == set(rest)


def with_facts(n=60, **facts):
    return make_panel(n, 4, 3, strain_table=pa.table(facts))


def everyone_once(split, n) -> bool:
    return sorted(np.concatenate(list(split.values())).tolist()) == list(range(n))


@settings(deadline=None, max_examples=20)
@given(n_groups=st.integers(4, 9), seed=st.integers(0, 99), data=st.data())
def test_whole_groups_are_held_out(n_groups, seed, data):
    k = data.draw(st.integers(2, n_groups))
    families = np.random.default_rng(seed).permutation([f"F{i % n_groups}" for i in range(60)])
    panel = with_facts(family=families)
    tested = []
    for fold in range(k):
        split = splits.group(panel, [], column="family", seed=seed, k=k, fold=fold, val_share=0.2)
        assert everyone_once(split, 60)
        parts = [set(families[rows]) for rows in split.values()]
        assert all(parts) and sum(map(len, parts)) == n_groups
        tested += sorted(set(families[split["test"]]))
    assert sorted(tested) == sorted(set(families))


def test_a_column_names_the_parts():
    fold = np.arange(60) % 4
    panel = with_facts(fold=fold)
    split = splits.column(panel, [], column="fold", test=2, val="0", seed=0)
    assert set(fold[split["test"]]) == {2} and set(fold[split["val"]]) == {0}
    assert set(fold[split["train"]]) == {1, 3} and everyone_once(split, 60)
    drawn = splits.column(panel, [], column="fold", test="2", val=None, seed=0)
    assert set(fold[drawn["test"]]) == {2} and everyone_once(drawn, 60)
    assert len(drawn["val"]) == 7  # 15% of 45


def test_the_published_split_is_that_of_the_panel():
    part = np.array(["train", "val", "test"] * 20)
    split = splits.published(with_facts(split=part), [])
    assert all((part[split[name]] == name).all() for name in split) and everyone_once(split, 60)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), P=st.integers(2, 5), missing=st.floats(0, 0.6))
def test_cv2_holds_out_single_values_of_training_strains(seed, P, missing):
    rng = np.random.default_rng(seed)
    phenotypes = rng.standard_normal((200, P + 1))
    phenotypes[rng.random(phenotypes.shape) < missing] = np.nan
    panel = make_panel(200, 3, P + 1, phenotypes=phenotypes)
    columns = list(range(P))
    split = splits.cv2(panel, columns, seed=seed)
    cells = split.cells[:, columns]
    observed = np.isfinite(phenotypes[:, columns])
    seen_in_training = (observed & (cells == 0)).any(axis=1)
    np.testing.assert_array_equal(seen_in_training, observed.any(axis=1))
    assert all(len(rows) == 200 for rows in split.values())
    if P == 5:
        assert (cells == 2).mean() == pytest.approx(0.145, abs=0.05)  # 0.15, less for single values


def test_cv2_trains_on_its_training_cells_alone():
    """A held-out value may be anything: what is fitted does not notice."""
    panel = make_panel(60, 4, 3, phenotypes=np.random.default_rng(1).standard_normal((60, 3)))
    split = splits.cv2(panel, [0, 2], seed=0)
    changed = panel.phenotypes.copy()
    changed[split.cells == 2] += 100
    first, second = (
        prepare(p, split, [0, 2], QUALITY, **PREPARE)
        for p in (panel, make_panel(60, 4, 3, phenotypes=changed))
    )
    np.testing.assert_array_equal(first.scaler.mean, second.scaler.mean)
    for part in ("train", "val"):
        np.testing.assert_array_equal(first.subset(part)[1], second.subset(part)[1])
    counts = sum(
        np.isfinite(first.subset(part)[1]).astype(int) for part in ("train", "val", "test")
    )
    assert (counts == 1).all()


def test_a_run_predicts_training_strains_in_new_environments(small):
    folder = run(small("split=cv2", "phenotype=[23C,25C,27C]", "trainer.batch_size=16"))
    metrics = json.loads((folder / "metrics.json").read_text())
    rows = pq.read_table(folder / "predictions.parquet").to_pylist()
    for part in ("val", "test"):
        seen = [r for r in rows if r["split"] == part and r["observed"] is not None]
        assert len(seen) == sum(metrics[part]["n"].values())
    observed = [(r["strain"], r["phenotype"]) for r in rows if r["observed"] is not None]
    assert len(observed) == len(set(observed))


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (lambda p: splits.cv2(p, [0], seed=0), "requires several"),
        (lambda p: splits.published(p, []), "has no published split"),
        (lambda p: splits.column(p, [], column="x", test="0", val=None, seed=0), "has: family"),
        (lambda p: splits.column(p, [], column="family", test="9", val=None, seed=0), "which has"),
        (lambda p: splits.column(p, [], column="family", test="a", val="a", seed=0), "both a"),
        (lambda p: splits.kfold(p, [], seed=0, k=2, fold=0, val_share=0.999, n_train=None),
         "too few to split"),
        (lambda p: splits.group(p, [], column="family", seed=0, k=5, fold=0, val_share=0.2),
         "two must remain"),
    ],
)  # fmt: skip
def test_what_a_panel_cannot_give(split, message):
    with pytest.raises(G2PError, match=message):
        split(with_facts(family=["a", "b"] * 30))


@pytest.mark.parametrize("name", ["column", "group"])
def test_a_split_by_a_phenotype_names_the_remedy(name):
    """A fold that is no fact would be trained on."""
    panel = replace(with_facts(batch=["a", "b"] * 30), phenotype_names=["YPD", "fold"])
    by_column = {"test": "0", "val": None, "seed": 0}
    by_group = {"seed": 0, "k": 5, "fold": 0, "val_share": 0.2}
    options = by_column if name == "column" else by_group
    with pytest.raises(G2PError, match=r"'fold' is a phenotype .* add data.facts=\[fold\]"):
        getattr(splits, name)(panel, [0], column="fold", **options)
    with pytest.raises(G2PError, match="It has: batch. To add a column .* list it in data.facts"):
        getattr(splits, name)(panel, [0], column="plate", **options)


def test_every_split_has_its_yaml():
    functions = {
        name for name, value in vars(splits).items()
        if inspect.isfunction(value) and value.__module__ == splits.__name__ and name[0] != "_"
    }  # fmt: skip
    assert functions == set(choices("split"))


def test_a_strain_without_a_group_is_in_none():
    with pytest.raises(G2PError, match="1 of 60 strains have no value"):
        splits.column(with_facts(fold=[None, *"ab" * 29, "a"]), [], column="fold", test="a",
                      val=None, seed=0)  # fmt: skip
