"""From a study's YAML to its points, against products written out; every shipped study is valid."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.config.compose import overridden_values
from g2p.config.schema import check
from g2p.core.errors import UserError
from g2p.stats.comparison import Comparison
from g2p.study import expand as runs
from g2p.study.design import load_study, plan, studies
from g2p.study.schema import read_spec
from tests.helpers.configs import compose, paths
from tests.helpers.studies import NAMES, plan_study

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)


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
    declared = {
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
    assert plan_study(**declared).comparisons == [*steps, *models, pooled, *trends]
    declared |= {"compare": [], "trend": "x"}
    (trend,) = plan_study(**declared).comparisons
    assert trend == Comparison("x", 1, None, ("model", *y), trend=(1, 2, 3, None))
    # An override leaves one value, along which there is no trend.
    assert plan_study(user_overrides={"x": 2}, **declared | {"when": []}).comparisons == []


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
    declared = {"set": {"a": 1}, "factors": {"x": [1, 2]}, "sizes": {
        "full": {"set": {"b": 2}}, "smoke": {"set": {"a": 5}, "factors": {"x": [9]}, "seeds": [3]},
    }}  # fmt: skip
    full, smoke = (plan("test", size, declared, lambda common: NAMES) for size in ("full", "smoke"))
    assert [p.overrides for p in full.points] == [
        {"a": 1, "b": 2, "x": x, "seed": 0} for x in (1, 2)
    ]
    assert [p.overrides for p in smoke.points] == [{"a": 5, "x": 9, "seed": 3}]


@pytest.mark.parametrize(
    ("declared", "size", "said"),
    [
        ({"factors": {"x": [1]}}, "smoke", "study=test has no size=smoke. Its sizes: full"),
        ({"factors": {"x": []}}, "full", "factor factors.x has no values"),
        ({"factors": {"x": [1]}, "seed": [0]}, "full", "Did you mean 'seeds'"),
        ({"factors": {"x": [1]}, "arm": "y"}, "full", "arm=y is not one of its factors"),
        ({"factors": {"x": [1]}, "compare": [[1, 2]]}, "full", "compare names x=2"),
        ({"factors": {"x": [1, 2]}, "compare": {"y": [[1, 2]]}}, "full", "compare names y, which"),
        (
            {
                "factors": {"xx": [1, 2], "z": [0, 1]},
                "compare": {"z": {"pairs": [[0, 1]], "within": "x"}},
            },
            "full",
            r"compare\.z\.within=x must be .*Did you mean 'xx'",
        ),
        (
            {
                "factors": {"x": [1, 2]},
                "seeds": [0, 1],
                "compare": {"x": {"pairs": "ladder", "within": "seed"}},
            },
            "full",
            r"compare\.x\.within=seed .*it has none",
        ),
        (
            {
                "factors": {"x": [1, 2], "z": [0, 1]},
                "compare": {"x": {"pairs": [[1, 2]], "within": "z"}},
                "when": [{"if": {"x": 2}, "drop": True}],
            },
            "full",
            "rules .* drop them",
        ),
        ({"factors": {"x": [1, 2]}, "trend": "y"}, "full", "trend names y, which is not one"),
        ({"factors": {"x": [1, 3, 2]}, "trend": "x"}, "full", r"trend\.x needs .* not 1, 3, 2"),
        ({"factors": {"x": ["a", "b"]}, "trend": ["x"]}, "full", "numbers that null may come"),
        ({"factors": {"x": [1, None, 2]}, "trend": "x"}, "full", "not 1, null, 2"),
        ({"factors": {"x": [1, 2, 1]}}, "full", "the factor x has the value 1 twice"),
        ({"factors": {"x": [1, True]}}, "full", "the factor x has the value True twice"),
        ({"factors": {"x": [1]}, "seeds": [0, 0]}, "full", "factor seed has the value 0 twice"),
        (
            {"factors": {"x": {"bottom": {}, "rungs": [{"component": "bottom", "set": {}}]}}},
            "full",
            "has the value bottom twice",
        ),
        (
            {"factors": {key: [*range(300)] for key in "ab"}, "seeds": [0, 1]},
            "full",
            "its factors make 180,000 runs; at most 100,000 are allowed",
        ),
        (
            {"set": {"hydra/launcher": "joblib"}, "factors": {"x": [1]}},
            "full",
            "sets hydra/launcher: where runs are computed is set on the command line",
        ),
    ],
)
def test_what_a_study_may_not_say(declared, size, said):
    with pytest.raises(UserError, match=said):
        plan_study(size, **declared)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("factors: {x: [1]\nseeds: [0]", "study.yaml cannot be read: .*line 2"),
        ("factors: {x: [1]}\nfactors: {}", "cannot be read: .*duplicate key factors"),
        ("- a", "study.yaml: the file must be a mapping, not"),
        ("factrs: {x: [1]}", "study.yaml: factrs is not a key of a study. Did you mean 'factors'"),
        (
            "sizes: {full: {seed: [1]}}",
            "sizes.full.seed is not a key of a study. Did",
        ),
        ("sizes: {full: null}", "sizes.full must be a mapping, not None"),
        ("seeds: 3", "seeds must be a list, not 3"),
        ("seeds: []", "seeds is empty"),
        ("factors: {x: 3}", "factors.x must be a list or a mapping, not 3"),
        ("factors: {x: {a: 3}}", "factors.x.a must be a mapping, not 3"),
        (
            "factors: {x: {bottom: {}, rungs: [{set: {}}]}}",
            r"rungs\[0\].component is missing",
        ),
        ("when: [{set: {}}]", r"when\[0\].if is missing"),
        ("when: [{if: {}, sett: {}}]", r"when\[0\].sett is not a key. Allowed: drop, if, set"),
        ("compare: ladders", "compare must be ladder, or pairs"),
        ("compare: [[a, b, c]]", r"compare\[0\] must be a pair"),
        ("compare: {x: [a]}", r"compare.x\[0\] must be a pair"),
        ("compare: [[ridge, ridge]]", r"compare\[0\] compares ridge with itself"),
        ("compare: [[a, b], [b, a]]", r"compare\[1\] compares b with a a second time"),
        ("compare: {x: {pairs: [[a, a]]}}", r"compare\.x\.pairs\[0\] compares a with itself"),
        ("compare: {x: {within: y}}", r"compare\.x\.pairs is missing"),
        ("compare: {x: {pairs: ladder, at: y}}", r"compare\.x\.at is not a key. .*: pairs, within"),
        ("compare: {x: {pairs: ladder, within: [y]}}", r"within must be text, not \['y'\]"),
        ("trend: 3", "trend must be text or a list or a mapping, not 3"),
        ("trend: [[x]]", r"trend must be text, not \['x'\]"),
        ("trend: {x: {along: y}}", r"trend\.x\.along is not a key. Allowed: within"),
        ("question: a\nfactors: &f {x: *f}", "line 2: this collection contains itself"),
        ("set: &s {<<: *s}", "line 1: this collection contains itself"),
        (BOMB, "holds more than 100,000 values, aliases expanded"),
        ("x" * 2_000_000, "has 2,000,000 bytes; at most 1,000,000 are read"),
        ("[" * 5000, "is nested more than 50 levels deep"),
        ("{a: " * 60 + "1" + "}" * 60, "line 1: more than 50 levels deep"),
        ("factors:\n  x: {8: {}}", "line 2: the key or label 8 is a number in YAML.*quotes: '8'"),
        ("factors: {x: {1e3: {}}}", "label 1e3 is a number"),
        ("factors: {x: {on: {}}}", "label on is a boolean in YAML. Write it in quotes: 'on'"),
        ("factors: {x: {~: {}}}", "label ~ is null in YAML"),
        ("{[a]: b}", "line 1: a key must be text, not a collection"),
        ("factors: {x: {bottom: {}, rungs: [{component: 1, set: {}}]}}", "component must be text"),
        ("factors: {seed: [1]}", "factors.seed cannot be a factor: write seeds"),
        ("factors: {' ': [1]}", "factors has a factor without a name"),
        ("seeds: [a]", r"seeds\[0\] must be a whole number, not 'a'"),
        ("phenotypes: [1]", r"phenotypes\[0\] must be text or a list, not 1"),
    ],
)
def test_a_file_that_is_no_study(tmp_path, text, said):
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(UserError, match=said) as error:
        read_spec(tmp_path / "study.yaml")
    assert str(tmp_path / "study.yaml") in str(error.value) and "\n" not in str(error.value)


def test_a_study_that_drops_every_run():
    with pytest.raises(UserError, match="drop every run"):
        plan_study(factors={"x": [1]}, when=[{"if": {"x": 1}, "drop": True}])


def test_a_study_that_does_not_exist():
    with pytest.raises(UserError, match="Did you mean 'ladder'"):
        load_study("lader", "full", lambda common: NAMES)


@pytest.mark.parametrize("size", ["smoke", "full"])
@pytest.mark.parametrize("name", studies())
def test_every_shipped_study_is_valid(name, size):
    study = load_study(name, size, lambda common: NAMES)
    assert study.question.endswith("?")
    for point in study.points[:60]:
        config, overrides = runs._config(point, ("logger=none",), {"logger"})
        check(config)
        again = compose(*runs.format_overrides(overrides), "logger=none")
        assert again == config  # what a launcher composes from the words
    dropping = [p.overrides for p in study.points if p.overrides.get("data.missing") != "mask"
                and "data.missing" in p.overrides]  # fmt: skip
    # Else arms would be tested on the strains that lack none of one, or of all phenotypes.
    assert len({p.get("phenotype") == "all" for p in dropping}) <= 1


@settings(deadline=None, max_examples=60)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("aZ0-9 ,=[]{}'\"\\:#$", max_size=8),
    lambda inner: st.lists(inner, max_size=3), max_leaves=4,
))  # fmt: skip
def test_a_value_survives_the_command_line(value):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    text = str(value)
    if "${" in text:  # an interpolation is one on the command line too
        return
    parsed = OverridesParser.create().parse_override(runs.format_override("model.x", value))
    assert not parsed.is_sweep_override()

    def plain(element):
        if isinstance(element, list):
            return [plain(item) for item in element]
        return element.text if hasattr(element, "text") else element

    assert plain(parsed.value()) == value


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"factors": {"x": [1]}, "when": [{"if": {"y": 1}, "drop": True}]},
         "when names y, which is not one of its factors"),
        ({"factors": {"m": {"ridge": {}}}, "when": [{"if": {"m": ["Ridge"]}, "drop": True}]},
         "when names m='Ridge', which the study does not have. Did you mean 'ridge'?"),
        ({"factors": {"x": [1]}, "seeds": [0], "when": [{"if": {"seed": "0"}, "drop": True}]},
         "when names seed='0'"),
    ],
)  # fmt: skip
def test_a_rule_that_can_never_apply_is_refused(told, said):
    with pytest.raises(UserError, match=re.escape(said)):
        plan_study(**told)


def test_an_override_of_a_factor_takes_its_place(tmp_path):
    """The table says what was trained, not what the study would have trained."""
    words = [*paths(tmp_path), "data.strains=240", "data.loci=16", "logger=none"]
    told = {"factors": {"model": ["rung", "rijal_attention"], "model.num_layers": [1, 2]},
            "phenotypes": ["23C", "cu"], "seeds": [0, 1]}  # fmt: skip

    def places(*given):
        study = plan_study(user_overrides=overridden_values(given), **told)
        return [
            place for run in runs.resolve(study, [*words, *given]) for place in run.point_factors
        ]

    assert {p["model.num_layers"] for p in places("model.num_layers=3", "model=rung")} == {3}
    assert {p["model"] for p in places("model=transformer")} == {"transformer"}
    assert {p["seed"] for p in places("seed=5")} == {5}
    assert {p["phenotypes"] for p in places("phenotype=[mol,li]")} == {"mol,li"}
    # Rules see what is trained.
    told["when"] = [{"if": {"model": "rung", "model.num_layers": 2}, "drop": True}]
    assert {p["model"] for p in places("model.num_layers=2")} == {"rijal_attention"}
    told["factors"]["model"] = {"a": {"model": "rung", "optim": "adam"}, "b": {"model": "ridge"}}
    told["when"] = []
    with pytest.raises(UserError, match="model cannot be the same .* together with optim"):
        places("model=rijal_attention")
    study = plan_study(user_overrides={"model.num_layers": 2}, **told)
    assert study.other_varying_keys == {"optim"}


def test_each_is_of_the_studys_own_panel(byxrm_folder):
    common = {"data": "byxrm", "model.num_layers": 7}
    names = runs.phenotypes_of([f"paths.data={byxrm_folder.parent}"], common)
    assert "Copper" in names
    assert "cu" in runs.phenotypes_of(["data=simulated"], common)
