"""Attention's entropy: against explicit weights, and three cases in which it cannot matter."""

import numpy as np
import pytest
import torch
from torch import nn

from g2p.models import build_model
from g2p.models.attention_entropy import attention_entropy
from g2p.runs.run import run
from tests.helpers.configs import SMALL, compose, paths


def build(n_loci, *overrides):
    torch.manual_seed(0)
    small = ("model.embedding_dim=12", "model.num_heads=3", "model.ffn_dim=8")
    return build_model(compose(*small, *overrides)["model"], n_loci=n_loci, n_phenotypes=1)


def test_entropy_of_explicit_weights(monkeypatch):
    """The first layer's, by a loop; blocks of loci that do not divide L."""
    monkeypatch.setattr("g2p.models.attention_entropy.ROWS", 4)
    model = build(10)
    genotype = torch.rand(2, 10) * 2 - 1
    layers = attention_entropy(model, genotype)
    assert len(layers) == 2
    block = model.blocks[0]
    x = block.attention_norm(genotype[:, :, None] * model.embed.weight)
    query, key, _ = (x @ block.attention.in_weight.T).detach().double().numpy().reshape(
        2, 10, 3, 3, 4
    ).transpose(2, 0, 3, 1, 4)  # fmt: skip
    entropies, self_weights = [], []
    for b in range(2):
        for h in range(3):
            for i in range(10):
                scores = query[b, h, i] @ key[b, h].T / 2  # sqrt(4)
                weights = np.exp(scores) / np.exp(scores).sum()
                entropies.append(-(weights * np.log(weights)).sum())
                self_weights.append(weights[i])
    assert layers[0]["entropy"] == pytest.approx(np.mean(entropies), abs=1e-6)
    assert layers[0]["own"] == pytest.approx(np.mean(self_weights), abs=1e-6)
    assert layers[0]["uniform"] == pytest.approx(np.log(10))
    assert layers[0]["degenerate"] is None


def test_cases_in_which_attention_cannot_matter():
    one = attention_entropy(build(1), torch.ones(2, 1))
    assert one[0]["degenerate"] == "the sequence has length one"

    model = build(8)
    nn.init.zeros_(model.blocks[0].attention.in_weight)
    assert attention_entropy(model, torch.ones(2, 8))[0]["degenerate"] == "its weights are uniform"

    model = build(8, "model.num_heads=1", "model.layer_norm=false", "model.scaled=false")
    nn.init.orthogonal_(model.embed.weight)
    query, key, value = model.blocks[0].attention.in_weight.data.chunk(3)
    query.copy_(60 * torch.eye(12)), key.copy_(torch.eye(12))
    layers = attention_entropy(model, torch.ones(2, 8))[0]
    assert layers["degenerate"] == "each locus attends to itself alone"


def test_it_is_reported_in_the_runs_output(tmp_path, small, capsys):
    run(small())
    assert "attention entropy by layer: " in capsys.readouterr().out
    specific = {"model.embedding_dim", "model.num_heads", "model.ffn_dim", "model.num_layers"}
    shared = [override for override in SMALL if override.partition("=")[0] not in specific]
    run(compose("model=rijal_attention", *shared, *paths(tmp_path)))
    assert "Attention of layer 1 cannot matter: its weights are uniform" in capsys.readouterr().out
