"""The comparison of arms, against loops over the rows of the results table."""

import io
import itertools
import random
from statistics import fmean

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.console import Console
from g2p.core.errors import G2PError
from g2p.stats.compare import Comparison, compare
from g2p.stats.effects_table import effects_table, print_effects
from g2p.stats.pairing import pair_runs
from g2p.stats.reference_checks import reference_warnings

SCHEMA = pa.schema([
    ("model", pa.string()), ("model.num_layers", pa.int64()), ("phenotype", pa.string()),
    ("seed", pa.int64()), ("split", pa.string()), ("r2", pa.float64()),
    ("signature", pa.string()), ("status", pa.string()), ("noise_ceiling", pa.float64()),
    ("ridge_r2", pa.float64()), ("n", pa.int64()),
])  # fmt: skip


def rows(model, r2_of, phenotypes="pq", seeds=range(5), layers=1, run="each", **more):
    """Test rows of one arm; `run`: whether a run predicts `each` phenotype or `all`."""
    return [
        {
            "model": model, "model.num_layers": layers, "phenotype": p, "seed": seed,
            "split": "test", "r2": r2_of(p, seed), "status": "done",
            "signature": f"{model}{layers}{seed}{p if run == 'each' else ''}", **more,
        }
        for p, seed in itertools.product(phenotypes, seeds)
    ]  # fmt: skip


def table(*arms):
    """A table whose rows are in no order, with rows of the other split in between."""
    shuffled = [row for arm in arms for row in arm]
    shuffled += [{**row, "split": "val", "r2": 0.9} for row in shuffled]
    random.Random(0).shuffle(shuffled)
    return pa.Table.from_pylist(shuffled, SCHEMA)


def one(*arms, a="a", b="b", arm="model", by=()):
    return compare(table(*arms), [Comparison(arm, a, b, by)])[0]


def matched(study, arm, a, b):
    return pair_runs(study, Comparison(arm, a, b))


def noise(p, seed):
    return random.Random(f"{p}{seed}").uniform(0.4, 0.6)


r2s = st.one_of(st.integers(-8, 8).map(lambda n: n / 8), st.sampled_from([None, float("nan")]))
runs = st.dictionaries(st.tuples(st.sampled_from("pqrs"), st.integers(0, 3)), r2s, min_size=1)


@settings(max_examples=60, deadline=None)
@given(runs, runs)
def test_pairs_by_a_loop(a, b):
    for arm in (a, b):  # two seeds of one phenotype, so that neither arm is one run for all seeds
        arm |= {("p", 0): arm.get(("p", 0), 0.5), ("p", 1): arm.get(("p", 1), 0.25)}
    expected, left_out = {}, 0
    for p, seed in sorted({*a, *b}):
        x, y = a.get((p, seed)), b.get((p, seed))
        if x is None or y is None or x != x or y != y:
            left_out += 1
        else:
            expected.setdefault(p, []).append(y - x)
    arms = [
        [rows(name, lambda *_, r2=r2: r2, p, [seed])[0] for (p, seed), r2 in arm.items()]
        for name, arm in (("a", a), ("b", b))
    ]
    pairs = matched(table(*arms), "model", "a", "b")
    assert (pairs.differences, pairs.left_out) == (expected, left_out)
    effect = one(*arms)
    means = [fmean(values) for values in expected.values()]
    assert effect.wins == sum(mean > 0 for mean in means)
    assert effect.losses == sum(mean < 0 for mean in means)
    assert effect.ties == sum(mean == 0 for mean in means)
    assert (effect.phenotypes, effect.left_out) == (len(means), left_out)
    assert effect.pairs == sum(map(len, expected.values()))
    if means:
        assert effect.mean == pytest.approx(fmean(means))
    else:
        assert np.isnan([effect.mean, effect.low, effect.p, effect.p_holm]).all()
        assert effect.warning == "No pair of runs is complete."


@pytest.mark.parametrize("listed", [{"seeds": [0]}, {"seeds": [None]}, {"signature": "ridge"}])
def test_one_run_for_all_seeds_is_paired_with_each(listed):
    ridge = rows("ridge", lambda p, _: 0.25, run="all", **listed)
    for seeds in (range(5), [3]):
        pairs = matched(table(ridge, rows("b", noise, seeds=seeds)), "model", "ridge", "b")
        assert pairs.differences == {p: [noise(p, s) - 0.25 for s in seeds] for p in "pq"}
        assert (pairs.left_out, pairs.seeds, pairs.joint) == (0, len(seeds), False)
    lasso = rows("lasso", lambda p, _: 0.5, run="all", **listed)
    pairs = matched(table(ridge, lasso), "model", "ridge", "lasso")
    assert pairs.differences == {"p": [0.25], "q": [0.25]} and pairs.seeds == 1
    assert pairs.trained_once == []


def test_an_arm_of_which_one_run_is_done_is_not_paired_with_all_seeds():
    a = rows("a", lambda p, seed: noise(p, seed) if seed == 2 else None)
    effect = one(a, rows("b", lambda *x: noise(*x) + 0.125))
    assert effect.by_phenotype == pytest.approx({"p": 0.125, "q": 0.125})
    assert (effect.pairs, effect.seeds, effect.left_out) == (2, 1, 8)
    missing = one(rows("a", noise, "p"), rows("b", noise, "pq"))
    assert list(missing.by_phenotype) == ["p"] and missing.left_out == 5


def test_runs_that_were_tested_on_different_strains():
    """As where one arm drops a strain that lacks any phenotype, and the other does not."""
    a = rows("a", noise, n=400)
    same = one(a, rows("b", lambda *x: noise(*x) + 0.125, n=400))
    assert "tested on" not in (same.warning or "")
    b = [*rows("b", noise, "p", n=400), *rows("b", noise, "q", n=270)]
    assert one(a, b).warning.startswith("In 5 of 10 pairs the runs were tested on different")


def test_arms_that_are_the_same_runs():
    """As where the user's override leaves nothing between two of them."""
    a = rows("a", noise)
    effect = one(a, [{**row, "model": "b"} for row in a])
    assert (effect.mean, effect.ties, effect.pairs) == (0, 2, 10)
    assert effect.warning.startswith("In 10 of 10 pairs both are the same run.")


def test_pairs_agree_in_further_factors():
    arms = [
        rows(name, lambda p, s, n=n, k=k: noise(p, s + 10 * n) + k * n / 8, layers=n)
        for n in (1, 2) for k, name in enumerate("ab")
    ]  # fmt: skip
    with pytest.raises(
        G2PError, match=r"a has several runs of .* distinguishes them: model\.num_layers\."
    ):
        matched(table(*arms), "model", "a", "b")
    effect = one(*arms, by=("model.num_layers",))
    assert effect.by_phenotype == pytest.approx({"p": 1.5 / 8, "q": 1.5 / 8})
    assert (effect.pairs, effect.seeds) == (20, 5)
    layers = one(*arms, arm="model.num_layers", a=1, b=2, by=("model",))
    loop = {
        p: fmean(noise(p, s + 20) - noise(p, s + 10) + k / 8 for s in range(5) for k in (0, 1))
        for p in "pq"
    }
    assert layers.by_phenotype == pytest.approx(loop)


def test_a_factor_of_several_types_is_text_in_the_table():
    study = table(rows("none", noise), rows("1", noise))
    assert matched(study, "model", "none", 1).left_out == 0


def test_luck_of_a_run_that_gives_all_phenotypes_widens_the_interval():
    def width(run):
        lucky = rows("b", lambda p, s: noise(p, s) + s / 10, "pqrstuvwx", run=run)
        effect = one(rows("a", noise, "pqrstuvwx", run=run), lucky)
        return effect.high - effect.low

    # Its variance is not divided by the nine phenotypes.
    assert width("all") == pytest.approx(3 * width("each"), rel=0.1)


def test_names_that_do_not_exist():
    study = table(rows("ridge", noise), rows("transformer", noise))
    with pytest.raises(G2PError, match=r"'transformr' is not a value of model .* 'transformer'\?"):
        compare(study, [Comparison("model", "ridge", "transformr")])
    with pytest.raises(G2PError, match=r"'num_layers' is not a column .* 'model\.num_layers'\?"):
        compare(study, [Comparison("model", "ridge", "transformer", ("num_layers",))])


def test_stars_and_warnings():
    def better(*x):
        return noise(*x) + 0.1

    five = one(rows("a", noise, "p"), rows("b", better, "p"))
    assert (five.p, five.stars) == (0.0625, "")
    assert "5 pairs of runs of one phenotype can give p = 0.0625 at best." in five.warning
    six = [rows("a", noise, "p", range(6)), rows("b", better, "p", range(6))]
    alone = one(*six)
    assert (alone.p_holm, alone.stars, alone.warning) == (2 / 64, "*", None)
    among = compare(table(*six), [Comparison("model", "a", "b")] * 2)
    assert [(effect.p_holm, effect.stars) for effect in among] == [(4 / 64, "")] * 2
    assert "0.0312 at best, which is 0.0625 after Holm's correction over 2" in among[0].warning
    many = one(*(rows(n, f, "pqrstuvwxyzk", [0]) for n, f in (("a", noise), ("b", better))))
    assert (many.p_holm, many.stars, many.warning) == (2 / 4096, "***", None)
    assert 0 < many.low <= many.mean == pytest.approx(0.1)


def test_one_run_that_decides_all_is_named():
    """Its luck is in every phenotype, or in every seed of the only one."""
    ten = "pqrstuvwxy"
    a, b = (rows(name, noise, ten, [0], run="all") for name in "ab")
    assert one(a, b).warning.startswith("Every pair has the same run of a and b:")
    once, often = rows("a", noise, "p", [0]), rows("b", noise, "p", range(10))
    assert one(once, often).warning.startswith("Every pair has the same run of a:")
    assert one(rows("ridge", noise, "p", [0]), often, a="ridge").warning is None
    assert one(*(rows(name, noise, ten, [0]) for name in "ab")).warning is None
    depths = [rows(name, noise, "p", [0], layers=n) for name in "ab" for n in range(1, 8)]
    assert one(*depths, by=("model.num_layers",)).warning is None


def test_effects_are_written_and_printed(tmp_path):
    study = table(rows("[a]", noise, "p"), rows("b", lambda *x: noise(*x) + 0.1, "p"),
                  rows("c", lambda *_: None, "p"))  # fmt: skip
    effects = compare(study, [Comparison("model", "[a]", "b"), Comparison("model", "b", "c")])
    pq.write_table(effects_table(effects), tmp_path / "effects.parquet")
    written = pq.read_table(tmp_path / "effects.parquet").to_pylist()
    assert [row["p_holm"] for row in written] == [0.125, None]
    assert written[0]["by_phenotype"] == [("p", pytest.approx(0.1))]
    assert [row["left_out"] for row in written] == [0, 5]
    text = printed(effects)
    assert "[a] to b" in text and "+0.1000" in text
    assert "0.0625 at best" in text and "5 incomplete pairs" in text and "nan" not in text


@pytest.mark.parametrize(
    ("phenotypes", "seeds", "shown"),
    [
        ("p", (range(5), range(5)), "5 seeds"),
        ("pq", (range(5), range(5)), "5 seeds, up/down"),
        ("p", (range(5), range(3)), "seeds"),
    ],
)
def test_columns_of_equal_cells_are_left_out(phenotypes, seeds, shown):
    both, fewer = seeds
    arms = [rows(name, noise, phenotypes, both) for name in "ab"]
    study = table(*arms, rows("c", noise, phenotypes, fewer))
    effects = compare(study, [Comparison("model", "a", "b"), Comparison("model", "b", "c")])
    title, _, headings = printed(effects).partition(" ─")[0].rpartition(" model ")
    assert ("5 seeds" in " ".join(title.split())) == ("5 seeds" in shown) != ("seeds" in headings)
    assert ("up/down" in headings) == ("up/down" in shown)


def printed(effects):
    out = io.StringIO()
    print_effects(effects, Console(file=out, width=160))
    return out.getvalue()


def test_attention_that_does_not_beat_a_reference_is_named():
    attention = [
        rows("transformer", lambda p, s: 0.5 + s / 100, ridge_r2=0.51),
        rows("rung", lambda p, s: 0.6, ridge_r2=0.51),
        rows("rijal_attention", lambda p, s: None, ridge_r2=0.51),
    ]
    pairwise = rows("linear_pairwise", lambda p, s: 0.55 if p == "p" else None, seeds=[0])
    assert reference_warnings(table(*attention, pairwise)) == [
        "model=transformer does not beat linear_pairwise (mean test R2 0.5200 against 0.5500)."
    ]
    ridge = rows("ridge", lambda *_: 0.7, seeds=[0])
    without = table(*attention, ridge).drop_columns("ridge_r2")
    assert sorted(reference_warnings(without)) == [
        "model=rung does not beat ridge (mean test R2 0.6000 against 0.7000).",
        "model=transformer does not beat ridge (mean test R2 0.5200 against 0.7000).",
    ]
    layers = [rows("rung", lambda *_, n=n: n / 4, layers=n, ridge_r2=0.3) for n in (1, 2)]
    expected = ["model.num_layers=1 does not beat ridge (mean test R2 0.2500 against 0.3000)."]
    assert reference_warnings(table(*layers), "model.num_layers") == expected
    assert reference_warnings(table(*layers).drop_columns("model"), "model.num_layers") == expected
