"""The schema: what is refused, with which words; what a signature covers and what it does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.config.components import read_options
from g2p.config.compose import compose_config
from g2p.config.options import FACTS, option_of
from g2p.config.registry import CONF, GROUPS, choices
from g2p.config.run_config import RunConfig
from g2p.config.schema import check, inapplicable_keys
from g2p.config.search_path import config_folders
from g2p.core.errors import G2PError
from g2p.core.package import PACKAGE
from g2p.runs.signature import signature
from tests.helpers.configs import compose


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["++modl=ridge"], "modl is not an option. Did you mean 'model'?"),
        (["++model.num_layer=2"], "Did you mean 'model.num_layers'?"),
        (["+unknown=1"], "unknown is not an option. Allowed: data, qc, split"),
        (["+model.window=1"], "model.window is not an option of model=transformer"),
        (["optim=adam", "+optim.weight_decay=0.1"], "optim=adamw has it"),
        (["model=ridge", "+model.num_heads=2"], "model=rung, transformer has it"),
        (["model.name=foo"], "model=foo does not exist"),
        (["model.num_heads=5"], "does not divide model.embedding_dim=64. It may be 1, 2, 4"),
        (["model.num_layers=0"], "must be at least 1"),
        (["model.num_layers=two"], "must be of type int, not 'two'"),
        (["model.num_layers=true"], "must be of type int, not True"),
        (["model.skip=1"], "must be of type bool, not 1"),
        (["model.dropout=1"], "must be below 1"),
        (["optim.lr=0"], "must be above 0"),
        (["optim.lr=.inf"], "must be of type float"),
        (["trainer.precision=16"], "must be one of 32-true, bf16-mixed, 64-true"),
        (["trainer.monitor=auc"], "must be one of r2, loss"),
        (["seed=-1"], "seed must be at least 0"),
        (["seed=null"], "seed must be of type int"),
        (["split.seed=4294967296"], "must be at most"),
        (["phenotype=7"], "phenotype must be of type str or list, not 7 (int); a name that looks"),
        (["phenotype=[23C,7]"], "phenotype must be a name"),
        (["split=kfold", "split.fold=10"], "must be below split.k=10"),
        (["data.max_correlation=1.5"], "must be at most 1"),
        (["~seed"], "seed is missing"),
        (["~model.skip"], "model.skip is missing"),
        (["~optim"], "optim=None does not exist"),
        (["+paths.other=x"], "paths.other is not an option. "),
        (["paths.runs=''"], "paths.runs must be a path (. is the current folder), not ''"),
        (["paths.cache=' '"], "paths.cache must be a path"),
        (["paths.data='~nobody-of-this-name/x'"], "below a home folder that exists"),
        (["paths.runs='a\nb'"], "without line breaks or control characters, not 'a\\nb'"),
        (["paths.runs='a\0b'"], "without line breaks or control characters"),
        (["data=table", "data.path='\0'"], "data.path must be a path without"),
        (["trainer.batch_size=1000000000000000000"], "must be at most 2147483647, not"),
        (["model.num_heads=3", "model.embedding_dim=1000000000"], "It may be 1, 2, 4, 5"),
    ],
)
def test_what_is_refused(overrides, message):
    with pytest.raises(G2PError) as error:
        check(compose(*overrides))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["model.ffn=false", "model.ffn_dim=8"], "model.ffn_dim"),
        (["model.additive_effects=lasso"], "model.additive_effects"),
        (["model.attended_loci=5"], "model.attended_loci"),
        (["model=ridge", "optim=adam"], "optim"),
        (["model=ridge", "optim.lr=0.1"], "optim.lr"),
        (["model=ridge", "trainer.max_epochs=3"], "trainer.max_epochs"),
        (["optim.plateau_factor=0.1"], "optim.plateau_factor"),
        (["data.loci_from=train_val"], "data.loci_from"),
        (
            ["logger=several", "logger.wandb=false", "logger.wandb_options.project=mine"],
            "logger.wandb_options.project",
        ),
    ],
)
def test_setting_what_has_no_effect_is_refused_having_it_is_not(overrides, key):
    config = compose(*overrides)
    check(config)
    with pytest.raises(G2PError, match=f"^{key} has no effect: "):
        check(config, [o.partition("=")[0] for o in overrides])


@pytest.mark.parametrize("model", choices("model"))
@pytest.mark.parametrize("data", choices("data"))
def test_shipped_configs_are_valid(model, data):
    config = compose(f"model={model}").replace(data=compose(f"data={data}").data)
    check(config, ["model", "data"])
    keys = {f"{group}.{key}" for group in GROUPS for key in config[group]} | {"optim"}
    assert inapplicable_keys(config).keys() <= keys


def test_options_are_read_as_python_sees_them():
    """The source reading against the imported signature, for the transformer."""
    import inspect

    from g2p.models.transformer import Transformer

    read = read_options(PACKAGE / "models" / "transformer.py", "Transformer")
    parameters = inspect.signature(Transformer, eval_str=True).parameters
    assert set(read) == set(parameters) - FACTS
    for name, option in read.items():
        assert option == option_of(parameters[name].annotation)


def sign(*overrides, data="d", phenotypes=("30C",), accelerator="cpu") -> str:
    return signature(
        compose(*overrides),
        data_fingerprint=data,
        phenotypes=list(phenotypes),
        accelerator=accelerator,
    )


CHANGES = [
    ["model=rijal_attention"], ["model.num_layers=4"], ["model.skip=false"], ["model.ffn=false"],
    ["seed=1"], ["split.seed=1"], ["split=kfold"], ["optim=adam"], ["optim.lr=0.1"],
    ["optim.weight_decay=0.1"], ["trainer.max_epochs=3"], ["trainer.batch_size=3"],
    ["trainer.drop_last=true"], ["trainer.monitor=loss"], ["trainer.precision=64-true"],
    ["trainer.patience=null"], ["trainer.gradient_clip_val=1"], ["data.missing=drop_strain"],
    ["data.max_correlation=0.9"], ["optim.plateau_patience=2"], ["split.n_train=100"],
    ["split.test_share=0.2"], ["split=kfold", "split.n_train=100"],
]  # fmt: skip


@pytest.mark.slow
def test_whatever_can_change_the_result_changes_the_signature():
    signatures = [sign(), *(sign(*change) for change in CHANGES)]
    signatures += [sign(data="other"), sign(phenotypes=["cu"]), sign(accelerator="cuda")]
    assert len(set(signatures)) == len(signatures)


@pytest.mark.parametrize(
    "change",
    [
        ["paths.runs=elsewhere"], ["logger=none"], ["force=true"], ["trainer=cpu"],
        ["optim.lr=0.001"], ["+logger.tags=[a]"], ["optim.plateau_factor=0.1"],
    ],
)  # fmt: skip
def test_what_cannot_change_it_does_not(change):
    change = [c.replace("+logger", "++logger") for c in change]
    assert sign(*change) == sign()


def test_only_what_applies_is_covered():
    assert sign("model.ffn=false", "model.ffn_dim=8") == sign("model.ffn=false")
    ridge = sign("model=ridge")
    for idle in (["seed=3"], ["optim=adam"], ["trainer.max_epochs=3"]):
        assert sign("model=ridge", *idle) == ridge
    assert sign("model=ridge", accelerator="cuda") == ridge
    assert sign("model=ridge", "split.seed=1") != ridge
    # A number is a number, however it is written.
    assert sign("optim.weight_decay=0") == sign("optim.weight_decay=0.0")


def test_a_signature_is_sixteen_hex_digits_and_does_not_depend_on_key_order():
    config = compose()
    turned = {key: config[key] for key in reversed(list(config))}
    turned["model"] = {key: config["model"][key] for key in reversed(list(config["model"]))}
    turned = RunConfig.of(turned)
    facts = {"data_fingerprint": "d", "phenotypes": ["30C"], "accelerator": "cpu"}
    assert signature(config, **facts) == signature(turned, **facts)
    assert len(signature(config, **facts)) == 16
    int(signature(config, **facts), 16)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=12))
def test_no_text_is_a_model_by_accident(name):
    config = compose().with_values({"model.name": name})
    if name != "transformer":
        with pytest.raises(G2PError):
            check(config)


def test_what_does_not_apply_says_why():
    assert inapplicable_keys(compose("model.ffn=false"))["model.ffn_dim"] == "model.ffn is off"
    idle = {"optim.plateau_factor", "data.loci_from", "trainer.huber_delta"}
    idle |= {"model.additive_effects", "model.attended_loci"}
    assert inapplicable_keys(compose()).keys() == idle


def test_neutral_options_leave_signatures_as_before_they_existed():
    """The first halves, of config and data, were made by version 0.1.0."""
    assert sign("model=ridge")[:8] == "e320d4ea"
    assert sign("model=ridge", "split=kfold", "split.fold=3")[:8] == "b3ae721f"
    assert sign("model=rkhs")[:8] == "8bbb71d5"


def test_a_trainer_of_before_lacks_what_changes_nothing(tmp_path):
    """A YAML of one's own, written before an option existed, whose default is neutral."""
    lines = (CONF / "trainer" / "auto.yaml").read_text().splitlines()
    new = ("huber_delta", "schedule", "loss", "metrics", "callbacks", "max_updates")
    (tmp_path / "trainer").mkdir()
    text = "\n".join(line for line in lines if not line.startswith(new))
    (tmp_path / "trainer" / "mine.yaml").write_text(text)
    with config_folders([tmp_path]):
        config = compose_config(["trainer=mine"])
    assert config.trainer.to_dict() == compose_config([]).trainer.to_dict()


def test_a_group_that_sets_what_has_no_effect_is_refused():
    with pytest.raises(G2PError, match="loss has no effect: model=ridge is fitted in closed form"):
        compose_config(["model=ridge", "loss=huber"])
