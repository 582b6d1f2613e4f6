"""The ladder: one component a rung, and the published models at its ends."""

import pytest
import torch
import yaml
from torch import nn

from g2p.config.registry import CONF
from g2p.config.run_config import RunConfig, Section
from g2p.config.schema import check
from g2p.models import build_model
from g2p.models.pooled_attention import PooledAttention
from g2p.models.rijal_attention import RijalAttention
from g2p.models.transformer import Transformer
from tests.helpers.configs import compose

LADDER = yaml.safe_load((CONF / "study" / "ladder.yaml").read_text())["factors"]["rung"]


def overrides(settings: dict) -> list[str]:
    return [f"{key}={str(v).lower() if isinstance(v, bool) else v}" for key, v in settings.items()]


def rungs() -> list[dict]:
    """Return the composed configs from the bottom up."""
    settings, configs = dict(LADDER["bottom"]), []
    for step in [{"set": {}}, *LADDER["rungs"]]:
        settings |= step["set"]
        configs.append(compose(*overrides(settings)))
    return configs


def differences(one: RunConfig, other: RunConfig) -> set[str]:
    """Dotted keys that differ; a swapped optimizer counts once, by its name."""
    keys = set()
    for group, values in one.items():
        if not isinstance(values, Section):
            keys |= {group} if values != other[group] else set()
        elif values.get("name") != other[group].get("name"):
            keys.add(group)
        else:
            keys |= {f"{group}.{k}" for k in values if values[k] != other[group][k]}
    return keys


def test_adjacent_rungs_differ_in_exactly_one_field():
    configs = rungs()
    for lower, upper, step in zip(configs, configs[1:], LADDER["rungs"], strict=False):
        check(upper)
        assert differences(lower, upper) == set(step["set"])
        assert len(step["set"]) == 1


@pytest.mark.parametrize("step", LADDER["rungs"], ids=lambda s: s["component"])
def test_each_component_can_be_changed_alone_from_either_end(step):
    """Valid, and of use: it changes what the model has or computes."""
    (key,) = step["set"]
    if not key.startswith("model."):
        return  # phenotypes and optimizer are not the model's
    bottom = rungs()[0]
    top = rungs()[-1]
    for end, settings in (
        (bottom, {**LADDER["bottom"], **step["set"]}),
        (top, {**top_settings(), key: bottom["model"][key.removeprefix("model.")]}),
    ):
        if key == "model.num_heads" and end is bottom:
            settings["model.embedding_dim"] = 16  # 4 does not divide 13
            end = compose(*overrides({**LADDER["bottom"], "model.embedding_dim": 16}))
        if key == "model.embedding_dim" and end is top:
            settings["model.embedding_dim"] = 16  # nor does it here
        changed = compose(*overrides(settings))
        check(changed)
        assert outputs(changed["model"]) != outputs(end["model"])


def top_settings() -> dict:
    settings = dict(LADDER["bottom"])
    for step in LADDER["rungs"]:
        settings |= step["set"]
    return settings


def outputs(options: dict) -> list[float]:
    torch.manual_seed(0)
    model = build_model(options, n_loci=5, n_phenotypes=1)
    with torch.no_grad():
        return model(torch.tensor([[1.0, -1, 1, 1, -1]])).flatten().tolist()


@pytest.mark.parametrize(("end", "name"), [(0, "rijal_attention"), (-1, "transformer")])
def test_the_ends_are_the_published_models(end, name):
    """The same parameters under the same names, the same function, the same initial spread."""
    config = rungs()[end]["model"]
    published = {
        "rijal_attention": ["model=rijal_attention"],
        "transformer": ["model=transformer", "model.num_layers=3", "model.embedding_dim=256",
                        "model.ffn_dim=1024", "model.init_scale=1"],
    }[name]  # fmt: skip
    torch.manual_seed(0)
    other = build_model(compose(*published)["model"], n_loci=40, n_phenotypes=2)
    rung = build_model(config, n_loci=40, n_phenotypes=2)
    for key, value in rung.state_dict().items():
        if value.numel() > 300:
            published_spread = other.state_dict()[key].std().item()
            assert value.std().item() == pytest.approx(published_spread, rel=0.2)
    rung.load_state_dict(other.state_dict())
    genotype = torch.rand(3, 40) * 2 - 1
    torch.testing.assert_close(rung(genotype), other(genotype))
    assert isinstance(other, RijalAttention | Transformer)


@pytest.mark.parametrize("skip_first_layer", [False, True])
@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_pooled_attention_is_its_equations(skip_first_layer, layer_norm, scaled):
    """Against explicit softmax attention, the residual left out at the first layer or not."""
    torch.manual_seed(0)
    model = PooledAttention(
        n_loci=6, n_phenotypes=3, num_layers=3, embedding_dim=10, skip=True,
        skip_first_layer=skip_first_layer, layer_norm=layer_norm, scaled=scaled, dropout=0.5,
        init_scale=0.5,
    ).eval()  # fmt: skip
    for block in model.blocks:
        nn.init.normal_(block.attention.in_bias)
    genotype = torch.rand(4, 6) * 2 - 1
    x = genotype[:, :, None] * model.embed.weight
    for i, block in enumerate(model.blocks):
        state = nn.functional.layer_norm(x, (10,)) if layer_norm else x
        parts = zip(
            block.attention.in_weight.chunk(3), block.attention.in_bias.chunk(3), strict=True
        )
        query, key, value = (state @ weight.T + bias for weight, bias in parts)
        scores = query @ key.transpose(1, 2) / (10**0.5 if scaled else 1)
        branch = torch.softmax(scores, dim=2) @ value
        x = x + branch if i > 0 or skip_first_layer else branch
    expected = model.readout.linear(x.mean(dim=1))
    torch.testing.assert_close(model(genotype), expected, atol=1e-5, rtol=1e-5)


def test_pooled_attention_drops_out_the_pooled_vector():
    model = build_model(
        compose("model=pooled_attention", "model.dropout=0.5")["model"], n_loci=5, n_phenotypes=1
    )
    genotype = torch.ones(2, 5)
    assert not torch.equal(model(genotype), model(genotype))
    model.eval()
    assert torch.equal(model(genotype), model(genotype))
