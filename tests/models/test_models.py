"""Every model against an independent computation of the same thing."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from benchmarks.naive_rijal import naive_rijal
from g2p.models import build_model
from g2p.models.layers.attention import Attention
from g2p.models.rijal_attention import RijalAttention
from tests.helpers.configs import compose
from tests.helpers.networks import NETWORKS, transformer


def loop_attention(x, weight, bias, heads, scaled):
    """Attention of one strain x (L, D), by loops over heads and loci, in numpy float64."""
    L, D = x.shape
    head = D // heads
    query, key, value = np.split(x @ weight.T + bias, 3, axis=1)
    out = np.zeros((L, D))
    for h in range(heads):
        columns = slice(h * head, (h + 1) * head)
        for i in range(L):
            scores = np.array([query[i, columns] @ key[j, columns] for j in range(L)])
            scores = scores / np.sqrt(head) if scaled else scores
            weights = np.exp(scores - scores.max())
            out[i, columns] = (weights / weights.sum()) @ value[:, columns]
    return out


@settings(deadline=None, max_examples=25)
@given(
    n_loci=st.integers(1, 7),
    heads=st.integers(1, 3),
    head=st.integers(1, 9),
    bias=st.booleans(),
    scaled=st.booleans(),
)
def test_attention_is_the_loop(n_loci, heads, head, bias, scaled):
    torch.manual_seed(0)
    D = heads * head
    attention = Attention(
        dim=D, num_heads=heads, bias=bias, scaled=scaled, output_projection=False, init_scale=0.5
    ).double()
    if bias:
        nn.init.normal_(attention.in_bias)
    x_BLD = torch.randn(2, n_loci, D, dtype=torch.float64)
    weight = attention.in_weight.detach().numpy()
    offsets = attention.in_bias.detach().numpy() if bias else np.zeros(3 * D)
    expected = [loop_attention(x.numpy(), weight, offsets, heads, scaled) for x in x_BLD]
    with torch.no_grad():
        np.testing.assert_allclose(attention(x_BLD), expected, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(
    n_loci=st.integers(1, 20),
    n_phenotypes=st.integers(1, 3),
    num_layers=st.integers(1, 4),
    embedding_dim=st.integers(2, 20),
)
def test_rijal_is_the_one_hot_form(n_loci, n_phenotypes, num_layers, embedding_dim):
    torch.manual_seed(0)
    model = RijalAttention(
        n_loci=n_loci, n_phenotypes=n_phenotypes, num_layers=num_layers,
        embedding_dim=embedding_dim, init_scale=0.3,
    ).double()  # fmt: skip
    genotype = torch.rand(5, n_loci).double() * 2 - 1
    torch.testing.assert_close(model(genotype), naive_rijal(model, genotype), atol=1e-9, rtol=0)
    fused = torch.autograd.grad(model(genotype).square().sum(), model.parameters())
    naive = torch.autograd.grad(naive_rijal(model, genotype).square().sum(), model.parameters())
    for a, b in zip(fused, naive, strict=True):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-9)


def test_transformer_is_torchs_encoder():
    """With everything on and dropout 0, and the same weights."""
    model = transformer()
    layer = nn.TransformerEncoderLayer(
        12, 3, dim_feedforward=20, dropout=0.0, batch_first=True, norm_first=True
    )
    encoder = nn.TransformerEncoder(
        layer, num_layers=2, norm=nn.LayerNorm(12), enable_nested_tensor=False
    )
    for block, layer in zip(model.blocks, encoder.layers, strict=True):
        for name in ("in_weight", "in_bias"):
            weight = getattr(layer.self_attn, name.replace("in_", "in_proj_"))
            nn.init.normal_(getattr(block.attention, name), std=0.3)
            weight.data.copy_(getattr(block.attention, name))
        layer.self_attn.out_proj.load_state_dict(block.attention.out.state_dict())
        layer.linear1.load_state_dict(block.ffn[0].state_dict())
        layer.linear2.load_state_dict(block.ffn[3].state_dict())
    genotype = torch.rand(5, 7) * 2 - 1
    tokens = genotype[:, :, None] * model.embed.weight
    expected = model.readout.linear(encoder(tokens).mean(dim=1))
    torch.testing.assert_close(model(genotype), expected, atol=1e-6, rtol=1e-5)
    gradient = torch.autograd.grad(model(genotype).sum(), model.blocks[0].attention.in_weight)[0]
    expected_gradient = torch.autograd.grad(
        expected.sum(), encoder.layers[0].self_attn.in_proj_weight
    )[0]
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("toggle", ["skip", "layer_norm", "ffn", "scaled"])
def test_each_toggle_is_one_line_of_the_block(toggle):
    """The transformer with a toggle off equals the same blocks written without that line."""
    model = transformer(**{toggle: False})
    genotype = torch.rand(5, 7) * 2 - 1
    x = genotype[:, :, None] * model.embed.weight
    on = {name: name != toggle for name in ("skip", "layer_norm", "ffn", "scaled")}

    def norm(module, x):
        return (
            nn.functional.layer_norm(x, (12,), module.weight, module.bias)
            if on["layer_norm"]
            else x
        )

    for block in model.blocks:
        attention = block.attention
        state = norm(block.attention_norm, x).detach().numpy().astype(np.float64)
        weight, bias = (w.detach().numpy() for w in (attention.in_weight, attention.in_bias))
        values = [loop_attention(strain, weight, bias, 3, on["scaled"]) for strain in state]
        branch = attention.out(torch.tensor(np.array(values), dtype=torch.float32))
        x = x + branch if on["skip"] else branch
        if on["ffn"]:
            hidden = torch.relu(block.ffn[0](norm(block.ffn_norm, x)))
            x = x + block.ffn[3](hidden) if on["skip"] else block.ffn[3](hidden)
    expected = model.readout.linear(norm(model.norm, x).mean(dim=1))
    torch.testing.assert_close(model(genotype), expected, atol=1e-5, rtol=1e-5)


def test_dropout_acts_in_training_only():
    model = transformer(dropout=0.5)
    genotype = torch.ones(3, 7)
    assert not torch.equal(model(genotype), model(genotype))
    model.eval()
    assert torch.equal(model(genotype), model(genotype))


@pytest.mark.parametrize("name", NETWORKS)
def test_shipped_models_learn_with_every_parameter(name):
    """As `conf/model/` configures them: right shapes, and a gradient for every parameter."""
    config = compose(f"model={name}")
    torch.manual_seed(0)
    model = build_model(config["model"], n_loci=9, n_phenotypes=2)
    out = model(torch.ones(4, 9))
    assert out.shape == (4, 2)
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_of_size_loci_squared_is_made(name):
    """No operation of a training step, forward or backward, makes a B x L x L tensor."""
    from torch.utils._python_dispatch import TorchDispatchMode

    B, L, sizes = 3, 257, []

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            outs = out if isinstance(out, tuple | list) else (out,)
            sizes.extend(o.numel() for o in outs if isinstance(o, torch.Tensor))
            return out

    small = ["model.embedding_dim=16"] + (["model.ffn_dim=16"] if name == "transformer" else [])
    model = build_model(compose(f"model={name}", *small)["model"], n_loci=L, n_phenotypes=1)
    with Sizes():
        model(torch.ones(B, L)).sum().backward()
    assert len(sizes) > 10
    assert max(sizes) < B * L * L
