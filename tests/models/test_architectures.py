"""Every stacked architecture, at random sizes and toggles, against its equations written out.

The explicit form puts genotypes on a diagonal (one-hot) times the embedding, forms every matrix of
scores and softmaxes it, head by head; forward and the gradient of every parameter are compared.
"""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from g2p.models import build_model

SIZES = {"num_layers": st.integers(1, 3), "n_loci": st.integers(1, 9), "P": st.integers(1, 3)}
TOGGLES = st.fixed_dictionaries(
    {name: st.booleans() for name in ("skip", "layer_norm", "scaled", "ffn", "additive")}
)


def norm(x: Tensor, on: bool, module: nn.Module) -> Tensor:
    if not on:
        return x
    spread = ((x - x.mean(-1, keepdim=True)) ** 2).mean(-1, keepdim=True)
    return (x - x.mean(-1, keepdim=True)) / (spread + 1e-5).sqrt() * module.weight + module.bias


def attention(x: Tensor, module: nn.Module, heads: int, scaled: bool) -> Tensor:
    D = x.shape[-1]
    head, bias = D // heads, module.in_bias
    projected = x @ module.in_weight.T + (0 if bias is None else bias)
    query, key, value = projected.split(D, dim=-1)
    out = []
    for h in range(heads):
        columns = slice(h * head, (h + 1) * head)
        scores = query[..., columns] @ key[..., columns].transpose(-1, -2)
        exp = (scores / (head**0.5 if scaled else 1)).exp()
        out.append(exp / exp.sum(-1, keepdim=True) @ value[..., columns])
    joined = torch.cat(out, dim=-1)
    if isinstance(module.out, nn.Identity):
        return joined
    return joined @ module.out.weight.T + (0 if module.out.bias is None else module.out.bias)


def explicit(model: nn.Module, genotype: Tensor, options: dict) -> Tensor:
    """The model's output from its parameters and its options' meaning."""
    x = torch.diag_embed(genotype) @ model.embed.weight
    if options.get("offsets") == "ones_column":
        x = torch.cat([x, torch.ones_like(x[..., :1])], dim=-1)
    if options.get("position") == "learned":
        x = x + model.position.weight
    for i, block in enumerate(model.blocks):
        skip = options["skip"] and (i > 0 or options.get("skip_first_layer", True))
        branch = attention(
            norm(x, options["layer_norm"], block.attention_norm), block.attention,
            options.get("num_heads", 1), options["scaled"],
        )  # fmt: skip
        x = x + branch if skip else branch
        if options.get("ffn"):
            first, last = block.ffn[0], block.ffn[3]
            hidden = norm(x, options["layer_norm"], block.ffn_norm) @ first.weight.T + first.bias
            branch = F.relu(hidden) @ last.weight.T + last.bias
            x = x + branch if skip else branch
    if hasattr(model, "norm"):
        x = norm(x, options["layer_norm"], model.norm)
    if options.get("readout") == "per_locus":
        y = torch.einsum("bld,pld->bp", x, model.readout.weight) + model.readout.offset
    else:
        y = x.mean(1) @ model.readout.linear.weight.T + model.readout.linear.bias
    if options.get("additive"):
        path = model.additive
        y = y + genotype @ (path.start_PL + path.unit_P1 * path.change_PL).T + path.offset_P
    return y


def agrees(options: dict, n_loci: int, P: int) -> bool:
    """Forward to 1e-5, every gradient to 1e-4."""
    torch.manual_seed(0)
    ridge = torch.randn(P, n_loci), torch.randn(P)
    model = build_model(options, n_loci=n_loci, n_phenotypes=P, ridge=ridge)
    for parameter in model.parameters():  # also those that start at zero or one
        nn.init.normal_(parameter, std=0.2)
    genotype = torch.rand(4, n_loci) * 2 - 1
    predicted, expected = model(genotype), explicit(model, genotype, options)
    parameters = list(model.parameters())
    gradients = (torch.autograd.grad(y.square().mean(), parameters) for y in (predicted, expected))
    return torch.allclose(predicted, expected, atol=1e-5, rtol=1e-5) and all(
        torch.allclose(a, b, atol=1e-4, rtol=1e-4) for a, b in zip(*gradients, strict=True)
    )


@settings(deadline=None, max_examples=40)
@given(**SIZES, toggles=TOGGLES, heads=st.integers(1, 3), head=st.integers(1, 10),
       position=st.sampled_from(["none", "learned"]))  # fmt: skip
def test_transformer(num_layers, n_loci, P, toggles, heads, head, position):
    options = {
        "name": "transformer", "num_layers": num_layers, "embedding_dim": heads * head,
        "num_heads": heads, "ffn_dim": 7, "dropout": 0.0, "init_scale": 1.0, "position": position,
        "additive_effects": "ridge", "attended_loci": None, **toggles,
    }  # fmt: skip
    assert agrees(options, n_loci, P)


@settings(deadline=None, max_examples=30)
@given(**SIZES, toggles=TOGGLES, dim=st.integers(1, 20), skip_first_layer=st.booleans())
def test_pooled_attention(num_layers, n_loci, P, toggles, dim, skip_first_layer):
    options = {
        "name": "pooled_attention", "num_layers": num_layers, "embedding_dim": dim,
        "skip_first_layer": skip_first_layer, "dropout": 0.0, "init_scale": 1.0,
        **{name: toggles[name] for name in ("skip", "layer_norm", "scaled")},
    }  # fmt: skip
    assert agrees(options, n_loci, P)


@settings(deadline=None, max_examples=40)
@given(
    **SIZES, toggles=TOGGLES, heads=st.integers(1, 3), head=st.integers(2, 8),
    offsets=st.sampled_from(["ones_column", "bias"]), output_projection=st.booleans(),
    readout=st.sampled_from(["per_locus", "mean"]),
    initialisation=st.sampled_from(["normal", "standard"]),
)  # fmt: skip
def test_rung(num_layers, n_loci, P, toggles, heads, head, **choices):
    options = {
        "name": "rung", "num_layers": num_layers, "embedding_dim": heads * head,
        "num_heads": heads, "ffn_dim": 7, **choices, **toggles,
    }  # fmt: skip
    assert agrees(options, n_loci, P)
