"""Comparisons over folds, within levels and along trends, against scipy, numpy and loops."""

import io

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console
from scipy import stats

from g2p.core.errors import G2PError
from g2p.stats.compare import compare
from g2p.stats.comparison import Comparison
from g2p.stats.effects_table import effects_of, effects_table, print_effects

FOLD = "split.fold"


def study(r2_of, *, models="ab", phenotypes="p", folds=range(10), seeds=(0,), layers=(1,), **facts):
    """Test rows of every combination; `r2_of` has the model, phenotype, fold, seed and layers."""
    rows = [
        {"model": m, "phenotype": p, FOLD: f, "seed": s, "layers": n, "split": "test",
         "r2": r2_of(m, p, f, s, n), "signature": f"{m}{p}{f}{s}{n}", "status": "done",
         "same_split": f, "n": 20, "n_train": 150} | facts
        for m in models for p in phenotypes for f in folds for s in seeds for n in layers
    ]  # fmt: skip
    kinds = {"n_train": pa.int64(), "r2": pa.float64()}
    schema = pa.schema([
        pa.field(name, kinds.get(name, pa.infer_type([row[name] for row in rows])))
        for name in rows[0]
    ])  # fmt: skip
    return pa.Table.from_pylist(rows, schema)


def noise(*key) -> float:
    return np.random.default_rng(list(map(ord, "".join(map(str, key))))).normal(0, 0.02)


def better(m, p, f, s, n):
    """b is better by 0.03, with noise over folds."""
    return 0.5 + (m == "b") * (0.03 + noise(p, f))


AB = Comparison("model", "a", "b", (FOLD,))


@pytest.mark.parametrize("phenotypes", ["p", "pqrs"])
def test_ten_folds_are_tested_by_the_corrected_t_test(phenotypes):
    """However many phenotypes: the mean over them is one value a fold."""
    table = study(better, phenotypes=phenotypes)
    (effect,) = compare(table, [AB])
    values = np.array([[0.03 + noise(p, f) for f in range(10)] for p in phenotypes])
    factor = np.sqrt(1 + 10 * 20 / 150)
    t = stats.ttest_1samp(values.mean(axis=0), 0)
    assert effect.p == pytest.approx(2 * stats.t.sf(t.statistic / factor, 9))
    assert effect.mean == pytest.approx(values.mean())
    low, high = t.confidence_interval()
    assert effect.detectable == pytest.approx(factor * (high - low) / 2)
    assert (effect.low, effect.high) == pytest.approx(
        (effect.mean - effect.detectable, effect.mean + effect.detectable)
    )
    for name, row in zip(phenotypes, values, strict=True):
        t = stats.ttest_1samp(row, 0).statistic / factor
        assert effect.p_by_phenotype[name] == pytest.approx(2 * stats.t.sf(abs(t), 9))
    assert (effect.splits, effect.pairs) == (10, 10 * len(phenotypes))
    assert effect.test_share == pytest.approx(20 / 150)
    # Not "cannot reach significance whatever the data", as a sign-flip over 4 phenotypes would.
    assert effect.warning is None and effect.test.startswith("Corrected resampled t-test")


def test_seeds_of_a_fold_are_averaged():
    """Ten seeds on three folds are three values, not thirty."""

    def r2(m, p, f, s, n):
        return (m == "b") * (0.1 * f + noise(f, s))

    (effect,) = compare(study(r2, folds=range(3), seeds=range(10)), [AB])
    by_fold = [np.mean([0.1 * f + noise(f, s) for s in range(10)]) for f in range(3)]
    t = stats.ttest_1samp(by_fold, 0).statistic / np.sqrt(1 + 3 * 20 / 150)
    assert effect.p == pytest.approx(2 * stats.t.sf(abs(t), 2))
    assert (effect.splits, effect.pairs, effect.seeds) == (3, 30, 10)


def test_folds_are_identified_by_their_factor_without_a_column():
    table = study(better)
    (effect,) = compare(table, [AB])
    (other,) = compare(table.drop_columns("same_split"), [AB])
    assert other.p == effect.p
    (one,) = compare(table.filter(pa.array([f == 3 for f in table[FOLD].to_pylist()])), [AB])
    assert one.test.startswith("Sign-flip") and "1 pair of runs" in one.warning


def test_a_fold_that_a_phenotype_lacks_is_left_out_of_all():
    table = study(lambda m, p, f, s, n: None if (m, p, f) == ("b", "q", 4) else
                  better(m, p, f, s, n), phenotypes="pq")  # fmt: skip
    (effect,) = compare(table, [AB])
    values = np.array([[0.03 + noise(p, f) for f in range(10) if f != 4] for p in "pq"])
    assert effect.mean == pytest.approx(values.mean())
    assert (effect.splits, effect.pairs, effect.left_out) == (9, 18, 2)
    lone = study(lambda m, p, f, s, n: better(m, p, f, s, n) if p == "pq"[f] else None,
                 phenotypes="pq", folds=(0, 1))  # fmt: skip
    (effect,) = compare(lone, [AB])
    assert np.isnan([effect.p, effect.mean, effect.low]).all()
    assert "two splits on which every phenotype has a pair, and there is none" in effect.warning


def test_folds_of_runs_without_a_number_of_training_strains():
    (effect,) = compare(study(better, n_train=None), [AB])
    assert np.isnan([effect.p, effect.low, effect.detectable]).all() and effect.mean > 0
    assert effect.warning.startswith("No test: the runs do not record their number")


@pytest.mark.parametrize("unknown", "pq")
def test_one_phenotype_without_that_number_leaves_no_test(unknown):
    """Whichever it is: the variance of the mean over phenotypes is then unknown."""
    table = study(better, phenotypes="pq")
    n_train = [None if p == unknown else 150 for p in table["phenotype"].to_pylist()]
    position = table.column_names.index("n_train")
    table = table.set_column(position, "n_train", pa.array(n_train, pa.int64()))
    (effect,) = compare(table, [AB])
    assert np.isnan([effect.p, effect.low, effect.test_share]).all() and effect.mean > 0
    assert effect.warning.startswith("No test: the runs do not record their number")


def test_arms_at_one_level_of_another_factor():
    """b gains a tenth for each layer; each layer count by itself, and all of one family."""

    def r2(m, p, f, s, n):
        return noise(p, s, n) + (m == "b") * n / 10

    table = study(r2, phenotypes="pqrstuv", folds=(0,), layers=(1, 2, 3))
    effects = compare(table, [
        Comparison("model", "a", "b", (FOLD,), within="layers", level=n) for n in (1, 2, 3)
    ])  # fmt: skip
    assert [effect.mean for effect in effects] == pytest.approx([0.1, 0.2, 0.3])
    assert [effect.p for effect in effects] == pytest.approx([2 / 2**7] * 3)
    assert [effect.p_holm for effect in effects] == pytest.approx([6 / 2**7] * 3)
    with pytest.raises(G2PError, match="'4' is not a value of layers"):
        compare(table, [Comparison("model", "a", "b", (FOLD,), within="layers", level=4)])
    with pytest.raises(G2PError, match="model=a is compared with itself"):
        compare(table, [Comparison("model", "a", "a", (FOLD, "layers"))])


@pytest.mark.parametrize("layers", [(1, 2, 3), (2, 12, 78, None), (0.0, 0.1, 0.5, 0.9, 1.0)])
def test_a_trend_is_the_fitted_change_from_first_to_last(layers):
    table = study(lambda m, p, f, s, n: noise(m, p, s, n) + (n or 100) / 100, layers=layers,
                  phenotypes="pq", folds=(0,), seeds=range(3))  # fmt: skip
    trend = Comparison("layers", layers[0], layers[-1], (FOLD,), "model", "b", trend=layers)
    (effect,) = compare(table, [trend])
    rank = np.arange(len(layers))
    change = {
        p: np.mean([
            np.polyfit(rank, [noise("b", p, s, n) + (n or 100) / 100 for n in layers], 1)[0]
            for s in range(3)
        ]) * rank[-1]
        for p in "pq"
    }  # fmt: skip
    assert effect.by_phenotype == pytest.approx(change)
    assert (effect.pairs, effect.seeds) == (6, 3)
    gone = study(lambda m, p, f, s, n: None if (p, n) == ("q", layers[1]) else 0.5, layers=layers,
                 phenotypes="pq", folds=(0,), seeds=range(3))  # fmt: skip
    (effect,) = compare(gone, [trend])
    assert effect.by_phenotype == {"p": pytest.approx(0)} and effect.left_out == 3


def test_the_pairs_and_the_assumptions_of_the_test_are_printed():
    table = study(better, phenotypes="pq", layers=(1, 2, 3))
    effects = compare(table, [
        Comparison("model", "a", "b", (FOLD, "layers")),
        Comparison("layers", 1, 3, (FOLD,), "model", "a", trend=(1, 2, 3)),
    ])  # fmt: skip
    assert effects_of(effects_table(effects))[1].comparison == Comparison(
        "layers", "1", "3", (FOLD,), "model", "a", ("1", "2", "3")
    )
    again = effects_table(effects_of(effects_table(effects)))
    assert again.equals(effects_table(effects))
    out = io.StringIO()
    print_effects(effects, Console(file=out, width=140))
    text = " ".join(out.getvalue().split())
    assert "layers: trend, 1 to 3 (model a)" in text and "detectable" in text
    assert text.count("Corrected resampled t-test") == 1
    assert "two runs that agree in phenotype, seed, split.fold, layers." in text
    assert "3 runs, one at each layers, that agree in phenotype, seed, split.fold." in text
    assert "(Nadeau and Bengio 2003): assumes normal differences" in text
    folds = table.filter(pa.array([f < 1 for f in table[FOLD].to_pylist()]))
    effects = compare(folds, [Comparison("model", "a", "b", (FOLD, "layers"))])
    print_effects(effects, Console(file=out, width=140))
    text = " ".join(out.getvalue().split())
    assert "No panel is split twice, so p is about these test strains, not about others." in text


def test_effects_of_several_settings_are_printed_setting_by_setting():
    """At 80 columns, without a word broken."""
    table = study(lambda m, p, f, s, n: noise(m, f, n), models=["linear_pairwise", "attention"],
                  phenotypes="pq", layers=[1, 3])  # fmt: skip
    of = [Comparison("model", "linear_pairwise", "attention", (FOLD,), "layers", n) for n in (1, 3)]
    out = io.StringIO()
    print_effects(compare(table, of), Console(file=out, width=80))
    lines = out.getvalue().splitlines()
    for setting in ("layers 1", "layers 3"):
        at = next(i for i, line in enumerate(lines) if line.strip() == setting)
        assert lines[at + 1].startswith(" linear_pairwise to  ")
        assert lines[at + 2].strip() == "attention"


def test_an_interval_that_excludes_0_beside_a_large_p_is_explained():
    def r2(m, p, f, s, n):
        return (m == "b") * (0.03 + noise(p, f, n) / 4)

    few, among = "a bootstrap of so few units (4) is too narrow", "the interval is of this"
    (effect,) = compare(study(r2, phenotypes="pqrs", folds=(0,)), [AB])
    assert effect.low > 0 and effect.p == 0.125 and few in effect.warning
    table = study(r2, phenotypes="pqrstu", folds=(0,), layers=range(4))
    each = [Comparison("model", "a", "b", (FOLD,), "layers", n) for n in range(4)]
    effects = compare(table, each)
    for effect in effects:
        assert effect.low > 0 and effect.p == 2 / 64 and among in effect.warning
    out = io.StringIO()
    print_effects(effects, Console(file=out, width=140))
    assert " ".join(out.getvalue().split()).count(among) == 1  # printed once for all four
    (effect,) = compare(table, each[:1])
    assert effect.low > 0 and effect.warning is None
