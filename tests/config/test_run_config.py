"""RunConfig: the options of the schema as attributes, frozen, and a mapping for users."""

import copy
import dataclasses
import pickle

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.config.compose import compose_config
from g2p.config.registry import GROUPS, PRESETS, choice_options, choices
from g2p.config.run_config import ModelSection, RunConfig
from g2p.core.errors import OptionError

VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
)
NAMES = st.sampled_from(["alpha", "beta", "num_layers", "lasso"])
NESTED = st.dictionaries(NAMES, VALUES | st.dictionaries(NAMES, VALUES, max_size=2), max_size=3)


@pytest.mark.parametrize(
    ("group", "name"), [(g, n) for g in GROUPS for n in choices(g)], ids=lambda each: str(each)
)
def test_a_section_has_the_options_of_its_choice_with_their_types(group, name):
    section = compose_config([f"{group}={name}"], of_many=True)[group]
    declared = choice_options(group, None if group in PRESETS else name)
    types = {each.name: each.type for each in dataclasses.fields(section)}
    assert types.keys() - {"name"} == declared.keys()
    assert all(types[key] == option.type for key, option in declared.items())
    for key in declared:
        assert getattr(section, key) == section[key]


def test_a_config_reads_as_its_issue_says():
    config = compose_config(["model=gbdt", "trainer.accelerator=cpu"])
    assert (config.trainer.devices, config.trainer.accelerator) == (1, "cpu")
    assert config.model.name == config["model"]["name"] == "gbdt" and not config.model.is_trained
    assert compose_config(["model=rung", "optim=adam"]).model.is_trained
    assert isinstance(config.model, ModelSection) and "name" not in config.model.options
    assert config.model == dict(config.model) and config.get("nothing") is None


def test_nothing_can_be_set_or_is_missing_silently():
    config = compose_config([])
    for target, name in ((config, "seed"), (config.trainer, "devices"), (config.model, "new")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(target, name, 3)
    with pytest.raises(TypeError, match="item assignment"):
        config["seed"] = 3
    with pytest.raises(AttributeError):
        config.trainer.device  # noqa: B018
    with pytest.raises(KeyError):
        config["trainer"]["device"]


@given(NESTED, st.dictionaries(NAMES, NESTED | VALUES, max_size=3))
@settings(deadline=None)
def test_plain_dicts_there_and_back(model, others):
    plain = {"model": model, **others}
    config = RunConfig.of(plain)
    assert config.to_dict() == plain == yaml.safe_load(yaml.safe_dump(config.to_dict()))
    assert config == plain and list(config) == list(plain) and RunConfig.of(config) is config
    for again in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
        assert again == config and repr(again) == repr(config)


def test_changes_make_another_config_and_share_the_rest():
    config = compose_config(["model=stacked"])
    changed = config.with_values({"model.lasso.l1_ratio": 0.5})
    assert (changed.model.lasso.l1_ratio, config.model.lasso.l1_ratio) == (0.5, 1.0)
    assert changed.trainer is config.trainer and changed.model.gbdt is config.model.gbdt
    assert changed == compose_config(["model=stacked", "model.lasso.l1_ratio=0.5"])
    ridge = config.replace(model={"name": "ridge"}, phenotype=["a"])
    assert ridge.model == {"name": "ridge"} and ridge.phenotype == ["a"]


def test_without_effect_is_left_out():
    config = compose_config(["model=ridge"]).with_effect()
    assert config["optim"] == {} and config["trainer"].keys() == {"accelerator", "metrics"}
    assert "ffn_dim" not in compose_config(["model.ffn=false"]).with_effect()["model"]


@pytest.mark.parametrize("key", ["items", "options", "to_dict", "a-b", "class()"])
def test_a_key_that_cannot_be_an_attribute_is_refused(key):
    with pytest.raises(OptionError, match="an option cannot be called"):
        RunConfig.of({"data": {key: 1}})
