"""Plain values set in a copy, against Hydra composing every config by itself."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p import compose as composition
from g2p.compose import composed, jobs, parse
from g2p.config import CONF, choices
from g2p.errors import UserError
from tests.conftest import compose

WORDS = (
    "seed=1", "seed=2", "++seed=3", "model=ridge", "model=rung", "model=stacked", "optim=adam",
    "model.num_layers=3", "model.lasso.folds=4", "++model.lasso.folds=5", "optim.lr=1e-2",
    "phenotype=[23C,'25C']", "phenotype='a b'", "phenotype=all", "data=plink", "data=byxrm",
    "paths.data=/elsewhere", "data.path='${paths.data}/x'", "paths={data: a, cache: b, runs: c}",
    "data.files=here", "trainer=cpu", "trainer.accelerator=cuda", "optim.lr=null",
    "model.name=gbdt", "data.facts=[]", "force=true", "split=kfold", "split.fold=3",
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(WORDS), max_size=5))
def test_a_config_is_what_hydra_composes(words):
    parsed = parse(words)
    expected = compose(*map(composition._open, parsed))
    assert composition._config(parsed) == json.loads(json.dumps(expected))


@pytest.mark.parametrize("group", ["model", "data"])
def test_values_are_set_in_every_choice(group):
    for name in choices(group):
        base = compose(f"{group}={name}")
        for key in base[group].keys() - {"name"}:
            words = [f"{group}={name}", f"{group}.{key}=7"]
            assert composition._config(parse(words)) == compose(*words)


def test_a_grid_of_values_is_composed_once(monkeypatch):
    """Hundreds of jobs are known to be valid before the first starts, without a wait."""
    calls = []

    def counted(*arguments, **told):
        calls.append(told)
        return real(*arguments, **told)

    real = composition.hydra.compose
    monkeypatch.setattr(composition.hydra, "compose", counted)
    composition._composed.cache_clear()
    words = ["model=transformer,rung", "seed=range(50)", "model.num_layers=1,2,3"]
    every = list(jobs(parse(words)))
    assert len(every) == 300
    assert len({json.dumps(composed(job)) for job in every}) == 300
    assert len(calls) == 2


def test_the_ends_of_ranges_are_checked():
    words = [
        "optim.lr=tag(log,interval(1e-4,1e-2))",
        "model.num_layers=interval(1,4)",
        "seed=0,1,2",
    ]
    assert len(list(jobs(parse(words)))) == 2 * 2 * 3
    many = [f"model.num_layers=interval({i},9)" for i in range(1, 8)] + ["seed=range(20)"]
    every = list(jobs(parse(many)))
    assert len(every) == 7 * 2 + 20  # of very many combinations, each end alone
    with pytest.raises(UserError, match="model.dropout must be below 1"):
        for job in jobs(parse(["model.dropout=interval(0.0,1.0)"])):
            composed(job)


def test_no_shipped_value_refers_to_another_in_a_way_that_is_not_seen():
    """`${group.key}` and `${resolver:...}` are understood; relative and nested ones are not."""
    for text in (file.read_text() for file in CONF.glob("*/*.yaml")):
        assert "${." not in text
        assert not any("${" in found for found in composition.REFERENCE.findall(text))


def test_a_glob_is_of_the_choices_and_an_empty_sweep_is_refused():
    models = [words[0].partition("=")[2] for words in jobs(parse(["model=glob(r*)"]))]
    assert models == sorted(name for name in choices("model") if name.startswith("r"))
    for word in ("model=glob(q*)", "seed=range(3,0)", "data.seed=glob(*)"):
        with pytest.raises(UserError, match="is no value at all"):
            list(jobs(parse([word])))
