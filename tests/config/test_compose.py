"""Plain values set in a copy of a config, against Hydra, which composes each config anew."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.config import compose as composition
from g2p.config.compose import compose_config, jobs, parse, refuse_repeated_keys
from g2p.config.registry import CONF, choices
from g2p.core.errors import G2PError
from tests.helpers.configs import compose

OVERRIDES = (
    "seed=1", "seed=2", "++seed=3", "model=ridge", "model=rung", "model=stacked", "optim=adam",
    "model.num_layers=3", "model.lasso.folds=4", "++model.lasso.folds=5", "optim.lr=1e-2",
    "phenotype=[23C,'25C']", "phenotype='a b'", "phenotype=all", "data=plink", "data=byxrm",
    "paths.data=/elsewhere", "data.path='${paths.data}/x'", "paths={data: a, cache: b, runs: c}",
    "data.files=here", "trainer=cpu", "trainer.accelerator=cuda", "optim.lr=null",
    "model.name=gbdt", "data.facts=[]", "force=true", "split=kfold", "split.fold=3",
)  # fmt: skip


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(OVERRIDES), max_size=5))
def test_a_config_is_what_hydra_composes(overrides):
    parsed = parse(overrides)
    expected = compose(*map(composition._allow_new_key, parsed))
    assert composition._config(parsed) == json.loads(json.dumps(expected.to_dict()))


@pytest.mark.parametrize("group", ["model", "data"])
def test_values_are_set_in_every_choice(group):
    for name in choices(group):
        base = compose(f"{group}={name}")
        changes = {key: f"{group}.{key}=7" for key in base[group].keys() - {"name"}}
        every = compose(f"{group}={name}", *changes.values())
        assert every == {**base, group: {**dict.fromkeys(changes, 7), "name": name}}
        for key, change in changes.items():
            changed = composition._config(parse([f"{group}={name}", change]))
            assert changed == {**base, group: {**base[group], key: every[group][key]}}


def test_a_grid_of_values_is_composed_once(monkeypatch):
    """Hundreds of jobs are checked before the first starts, without a wait."""
    calls = []

    def counted(*arguments, **options):
        calls.append(options)
        return real(*arguments, **options)

    real = composition.hydra.compose
    monkeypatch.setattr(composition.hydra, "compose", counted)
    composition._compose_by_hydra.cache_clear()
    overrides = ["model=transformer,rung", "seed=range(50)", "model.num_layers=1,2,3"]
    every = list(jobs(parse(overrides)))
    assert len(every) == 300
    assert len({repr(compose_config(job)) for job in every}) == 300
    assert len(calls) == 2


def test_the_ends_of_ranges_are_checked():
    overrides = [
        "optim.lr=tag(log,interval(1e-4,1e-2))",
        "model.num_layers=interval(1,4)",
        "seed=0,1,2",
    ]
    assert len(list(jobs(parse(overrides)))) == 2 * 2 * 3
    many = [f"model.num_layers=interval({i},9)" for i in range(1, 8)] + ["seed=range(20)"]
    every = list(jobs(parse(many)))
    assert len(every) == 7 * 2 + 20  # of very many combinations, each end alone
    with pytest.raises(G2PError, match="model.dropout must be below 1"):
        for job in jobs(parse(["model.dropout=interval(0.0,1.0)"])):
            compose_config(job)


def test_no_shipped_value_refers_to_another_in_a_way_that_is_not_seen():
    """`${group.key}` and `${resolver:...}` are understood; relative and nested ones are not."""
    for text in (file.read_text() for file in CONF.glob("*/*.yaml")):
        assert "${." not in text
        assert not any("${" in reference for reference in composition.REFERENCE.findall(text))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["seed=1", "seed=2"], "seed is given twice: seed=1 and seed=2. Keep one."),
        (["seed=1", "optim.lr=1", "+seed=1"], "seed is given twice: seed=1 and +seed=1."),
        (["++model.ffn=true", "model.ffn=false"], "model.ffn is given twice"),
        (["~seed", "seed=3"], "seed is given twice: ~seed and seed=3"),
        (["model=ridge", "model=rung"], "model is given twice"),
        (["paths={data: a, cache: b, runs: c}", "paths.runs=d"], "paths is given twice"),
        (["paths.runs=d", "paths={data: a, cache: b, runs: c}"], "paths is given twice"),
        (["study=ladder"], "study=ladder: g2p sweep study=ladder trains"),
        (["size=smoke"], "size=smoke: g2p sweep study=NAME trains"),
    ],
)
def test_a_key_that_is_set_twice_and_a_key_of_sweep_py(overrides, message):
    with pytest.raises(G2PError) as error:
        compose_config(overrides)
    assert message in str(error.value)


def test_a_group_and_its_keys_are_no_key_twice():
    overrides = [
        "model.ffn=true",
        "model=rung",
        "optim=adam",
        "optim.lr=0.1",
        "hydra.a=1",
        "hydra.a=1",
    ]
    refuse_repeated_keys(parse(overrides[:-1]))
    assert compose_config(overrides[:4])["model"]["ffn"] is True
    with pytest.raises(G2PError, match="hydra.a is given twice"):
        refuse_repeated_keys(parse(overrides))


@pytest.mark.parametrize(
    "sweep",
    ["range(0,1e12)", "range(0,inf)", "range(nan,1)", "range(0,1,0)", "range(0,1,1e-20)",
     "sort(range(0,1e10))", "shuffle(range(0,1e10))"],
)  # fmt: skip
def test_a_range_without_an_end_is_refused_at_once(sweep):
    with pytest.raises(G2PError, match="has more than 100,000 values"):
        list(jobs(parse([f"seed={sweep}"])))


def test_a_product_without_an_end_is_refused_at_once():
    with pytest.raises(G2PError, match="these are 1,000,000 runs; a command may have at most"):
        list(jobs(parse(["seed=range(1000)", "split.seed=range(1000)"])))


def test_a_glob_is_of_the_choices_and_an_empty_sweep_is_refused():
    models = [job[0].partition("=")[2] for job in jobs(parse(["model=glob(r*)"]))]
    assert models == sorted(name for name in choices("model") if name.startswith("r"))
    for word in ("model=glob(q*)", "seed=range(3,0)", "data.seed=glob(*)"):
        with pytest.raises(G2PError, match="has no values"):
            list(jobs(parse([word])))
