"""From a study's spec to its points and comparisons, against products written out."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.stats.comparison import Comparison
from g2p.stats.crossing import CurvePair
from g2p.study.design import load_study, plan
from tests.helpers.studies import NAMES, plan_study


@settings(deadline=None, max_examples=30)
@given(
    layers=st.lists(st.integers(1, 9), min_size=1, max_size=4, unique=True),
    widths=st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True),
    seeds=st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True),
)
def test_factors_are_a_product(layers, widths, seeds):
    study = plan_study(
        set={"optim.lr": 0.1}, phenotypes="each", seeds=seeds,
        factors={"model.num_layers": layers,
                 "size": [{"model.embedding_dim": w, "model.init_scale": w / 10} for w in widths]},
    )  # fmt: skip
    expected = [
        {"optim.lr": 0.1, "model.num_layers": n, "model.embedding_dim": w,
         "model.init_scale": w / 10, "phenotype": p, "seed": s}
        for n, w, p, s in itertools.product(layers, widths, NAMES, seeds)
    ]  # fmt: skip
    assert [point.overrides for point in study.points] == expected
    assert study.points[0].factors["model.num_layers"] == layers[0]


def test_a_ladder_climbs_and_compares_neighbours():
    study = plan_study(
        factors={"rung": {"bottom": {"model": "rung", "a": 1}, "rungs": [
            {"component": "skip", "set": {"b": 2}}, {"component": "back", "set": {"a": 3}}]}},
        compare="ladder",
    )  # fmt: skip
    assert [p.overrides for p in study.points] == [
        {"model": "rung", "a": 1, "seed": 0},
        {"model": "rung", "a": 1, "b": 2, "seed": 0},
        {"model": "rung", "a": 3, "b": 2, "seed": 0},
    ]
    assert study.comparisons == [
        Comparison("rung", "bottom", "skip"), Comparison("rung", "skip", "back"),
    ]  # fmt: skip


def test_comparisons_within_levels_and_trends():
    """Where a rule drops a label at a level, a ladder there steps over it."""
    spec = {
        "factors": {"model": {"a": {}, "b": {}}, "x": [1, 2, 3, None], "data.y": ["m", "n"]},
        "when": [{"if": {"model": "b", "x": 2}, "drop": True}],
        "compare": {"x": {"pairs": "ladder", "within": "model"},
                    "model": {"pairs": [["a", "b"]], "within": "x"}, "data.y": [["m", "n"]]},
        "trend": {"x": {"within": "model"}},
    }  # fmt: skip
    y = ("data.y",)
    all_of = {"a": (1, 2, 3, None), "b": (1, 3, None)}
    steps = [
        Comparison("x", one, other, y, "model", model)
        for model, values in all_of.items() for one, other in itertools.pairwise(values)
    ]  # fmt: skip
    models = [Comparison("model", "a", "b", y, "x", x) for x in (1, 3, None)]
    trends = [Comparison("x", 1, None, y, "model", m, values) for m, values in all_of.items()]
    pooled = Comparison("data.y", "m", "n", ("model", "x"))
    assert plan_study(**spec).comparisons == [*steps, *models, pooled, *trends]
    spec |= {"compare": [], "trend": "x"}
    (trend,) = plan_study(**spec).comparisons
    assert trend == Comparison("x", 1, None, ("model", *y), trend=(1, 2, 3, None))
    # An override leaves a single value, which has no trend.
    assert plan_study(user_overrides={"x": 2}, **spec | {"when": []}).comparisons == []


def test_pairs_of_curves_agree_in_all_that_is_not_selected():
    spec = {
        "factors": {"model": {"a": {}, "b": {}, "c": {}}, "data.y": ["m", "n"],
                    "n_train": [100, 1000], "optim.lr": [0.1, 0.2]},
        "select": {"optim.lr": "validation"},
        "crossing": {"n_train": [["a", "c"]]},
    }  # fmt: skip
    assert plan_study(**spec).crossings == (CurvePair("n_train", "model", "a", "c", ("data.y",)),)
    ladder = plan_study(**spec | {"crossing": {"n_train": "ladder"}}).crossings
    assert [(pair.a, pair.b) for pair in ladder] == [("a", "b"), ("b", "c")]
    # An override leaves a single value, along which no curve is.
    assert plan_study(user_overrides={"n_train": 100}, **spec).crossings == ()


@pytest.mark.parametrize("size", ["smoke", "full"])
@pytest.mark.parametrize(
    ("name", "arm", "within"),
    [
        ("layers", "model.num_layers", "model"),
        ("epistasis", "model", "data.epsilon"),
        ("transfer", "model", "transfer.observations"),
    ],
)
def test_a_study_compares_at_each_value_of_what_it_asks_about(name, arm, within, size):
    study = load_study(name, size, lambda common: NAMES)
    pairs = [c for c in study.comparisons if not c.trend]
    assert {c.arm for c in pairs} == {arm} and {c.within for c in pairs} == {within}
    labels = dict.fromkeys(point.factors[within] for point in study.points)
    assert list(dict.fromkeys(c.level for c in pairs)) == list(labels)
    (ordered,) = {within, arm} - {"model"}
    trends = [c for c in study.comparisons if c.trend]
    models = dict.fromkeys(point.factors["model"] for point in study.points)
    assert [(c.arm, c.within, c.level) for c in trends] == [(ordered, "model", m) for m in models]


def test_conditions_set_and_drop():
    study = plan_study(
        factors={"model": {"a": {"model": "ridge"}, "b": {"model": "rung"}}, "x": [1, 2, 3]},
        when=[{"if": {"model": "a", "x": [2, 3]}, "drop": True},
              {"if": {"model": "b", "x": 3}, "set": {"y": 7}}],
    )  # fmt: skip
    assert [(p.factors["model"], p.factors["x"]) for p in study.points] == [
        ("a", 1), ("b", 1), ("b", 2), ("b", 3),
    ]  # fmt: skip
    assert [p.overrides.get("y") for p in study.points] == [None, None, None, 7]


def test_a_size_replaces_and_adds():
    spec = {"set": {"a": 1}, "factors": {"x": [1, 2]}, "sizes": {
        "full": {"set": {"b": 2}}, "smoke": {"set": {"a": 5}, "factors": {"x": [9]}, "seeds": [3]},
    }}  # fmt: skip
    full, smoke = (plan("test", size, spec, lambda common: NAMES) for size in ("full", "smoke"))
    assert [p.overrides for p in full.points] == [
        {"a": 1, "b": 2, "x": x, "seed": 0} for x in (1, 2)
    ]
    assert [p.overrides for p in smoke.points] == [{"a": 5, "x": 9, "seed": 3}]


def test_a_study_that_drops_every_run_is_refused():
    with pytest.raises(G2PError, match="drop every run"):
        plan_study(factors={"x": [1]}, when=[{"if": {"x": 1}, "drop": True}])


def test_a_study_that_does_not_exist_is_refused():
    with pytest.raises(G2PError, match="Did you mean 'ladder'"):
        load_study("lader", "full", lambda common: NAMES)


def test_a_ladders_references_are_runs_beside_its_rungs():
    """No rung is compared with them."""
    rungs = [{"component": "second", "set": {"b": 2}}, {"component": "third", "set": {"c": 3}}]
    ladder = {"bottom": {"a": 1}, "rungs": rungs, "references": {"pairs": {"a": 9}}}
    study = plan_study(factors={"rung": ladder}, compare="ladder")
    overrides = {point.factors["rung"]: point.overrides for point in study.points}
    assert overrides["pairs"] == {"a": 9, "seed": 0}
    assert overrides["third"] == {"a": 1, "b": 2, "c": 3, "seed": 0}
    pairs = [(comparison.a, comparison.b) for comparison in study.comparisons]
    assert pairs == [("bottom", "second"), ("second", "third")]


@pytest.mark.parametrize(
    ("references", "message"),
    [
        ({"second": {"a": 9}}, "has the value second twice"),
        ({"pairs": 3}, "factors.rung.references.pairs must be a mapping, not 3"),
        ([], "factors.rung.references must be a mapping"),
    ],
)
def test_references_that_cannot_be(references, message):
    rungs = [{"component": "second", "set": {"b": 2}}]
    ladder = {"bottom": {"a": 1}, "rungs": rungs, "references": references}
    with pytest.raises(G2PError, match=message):
        plan_study(factors={"rung": ladder}, compare="ladder")
