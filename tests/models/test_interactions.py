"""Attention predicts interactions that ridge cannot, and invents none."""

import json

import pytest

from g2p.runs.run import run
from tests.helpers.configs import compose, paths
from tests.helpers.networks import NETWORKS

DATA = ("data=epistasis", "data.strains=1200", "data.markers=64", "data.loci=8", "data.order=2",
        "trainer.accelerator=cpu", "logger=none")  # fmt: skip
# Small enough to train in seconds, by the options that each has.
SIZES = {
    "transformer": ["model.embedding_dim=32", "model.num_heads=2", "model.ffn_dim=64"],
    "pooled_attention": ["model.embedding_dim=32"],
    "rung": ["model.readout=mean", "model.embedding_dim=32", "model.initialisation=standard"],
}


def gain_over_ridge(tmp_path, name: str, epsilon: float, *overrides: str) -> float:
    """Test R2 of a network less that of ridge on the same split."""
    network = (f"model={name}", "model.num_layers=2", *SIZES.get(name, ()), *overrides)
    config = compose(*DATA, f"data.epsilon={epsilon}", *network, *paths(tmp_path))
    metrics = json.loads((run(config) / "metrics.json").read_text())
    return metrics["test"]["r2_mean"] - metrics["ridge"]["test"]["r2_mean"]


@pytest.mark.parametrize("name", NETWORKS)
def test_additive_data_give_no_network_more_than_ridge(tmp_path, name):
    gain = gain_over_ridge(tmp_path, name, 1.0, "trainer.max_epochs=12", "optim.lr=3e-3")
    assert gain < 0.01


@pytest.mark.slow
def test_attention_finds_what_ridge_cannot(tmp_path):
    gain = gain_over_ridge(tmp_path, "transformer", 0.3, "trainer.max_epochs=20", "optim.lr=3e-3")
    assert gain > 0.1
