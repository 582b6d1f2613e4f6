"""A study's spec that is wrong is refused, with a message that names file, key or line."""

import re

import pytest

from g2p.core.errors import G2PError
from g2p.study.schema import read_spec
from tests.helpers.studies import plan_study

# Ten aliases of ten aliases, eleven times over.
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)


def crossing(pairs: dict, n_train: tuple | list = (100, 1000)) -> dict:
    """The spec of a study of two arms by a number of strains, which asks where they cross."""
    arms = {"a": {"model": "ridge"}, "b": {"model": "gbdt"}}
    return {"factors": {"arm": arms, "n_train": [*n_train]}, "crossing": pairs}


@pytest.mark.parametrize(
    ("spec", "size", "message"),
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
        (crossing({"n_trian": [["a", "b"]]}), "full", r"crossing names n_trian, .*mean 'n_train'"),
        (crossing({"n_train": [["a", "c"]]}), "full", r"crossing\.n_train names arm=c, which"),
        (crossing({"arm": [["a", "b"]]}), "full", r"crossing\.arm must be another factor than arm"),
        (crossing({"seed": [["a", "b"]]}), "full", "another factor than arm, phenotypes and seed"),
        (crossing({"n_train": "ladder"}, [3, 1]), "full", "needs values in ascending .* not 3, 1"),
        (crossing({"n_train": "ladder"}, [0, 1]), "full", "needs positive numbers, .* not 0, 1"),
        (crossing({"n_train": "ladder"}, [1, None]), "full", "needs positive .* not 1, null"),
        (
            crossing({"n_train": [["a", "b"]]}) | {"when": [{"if": {"arm": "b"}, "drop": True}]},
            "full",
            r"crossing\.n_train names arm=b, which no run has",
        ),
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
def test_a_wrong_spec_is_refused(spec, size, message):
    with pytest.raises(G2PError, match=message):
        plan_study(size, **spec)


@pytest.mark.parametrize(
    ("text", "message"),
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
        ("crossing: [x]", r"crossing must be a mapping, not \['x'\]"),
        ("crossing: {x: [a]}", r"crossing\.x\[0\] must be a pair"),
        ("crossing: {x: [[a, b], [b, a]]}", r"crossing\.x\[1\] compares b with a a second time"),
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
def test_a_file_that_is_not_a_study_is_refused(tmp_path, text, message):
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(G2PError, match=message) as error:
        read_spec(tmp_path / "study.yaml")
    assert str(tmp_path / "study.yaml") in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"factors": {"x": [1]}, "when": [{"if": {"y": 1}, "drop": True}]},
         "when names y, which is not one of its factors"),
        ({"factors": {"m": {"ridge": {}}}, "when": [{"if": {"m": ["Ridge"]}, "drop": True}]},
         "when names m='Ridge', which the study does not have. Did you mean 'ridge'?"),
        ({"factors": {"x": [1]}, "seeds": [0], "when": [{"if": {"seed": "0"}, "drop": True}]},
         "when names seed='0'"),
    ],
)  # fmt: skip
def test_a_rule_that_can_never_apply_is_refused(spec, message):
    with pytest.raises(G2PError, match=re.escape(message)):
        plan_study(**spec)
