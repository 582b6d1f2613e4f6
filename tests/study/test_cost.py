"""Estimates of a run's cost, against arithmetic counted by hand and against the run itself."""

import pytest
import torch

from g2p.models import build_model
from g2p.study.cost import cost
from g2p.study.sizes import Sizes
from g2p.training.flops import training_flops
from tests.helpers.configs import compose
from tests.helpers.networks import NETWORKS


def test_a_rijal_step_is_counted_as_by_hand():
    """Per layer: three D x D projections, scores and values; then the readout. L 1164, D 16."""
    L, D, layers = 1164, 16, 3
    overrides = ("model=rijal_attention", "model.embedding_dim=16", "trainer.max_epochs=7")
    estimate = cost(compose(*overrides), Sizes(L, 1, 100))
    forward = layers * (2 * L * D * 3 * D + 2 * 2 * L * L * D) + 2 * L * D
    assert estimate.flops == pytest.approx(3 * forward * 100 * 7, rel=0.01)
    assert forward == pytest.approx(0.26e9, rel=0.03)  # what the literature's size takes


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_agree_with_the_model(name):
    config = compose(f"model={name}")
    estimate = cost(config, Sizes(30, 4, 10))
    model = build_model(config["model"], n_loci=30, n_phenotypes=4)
    assert estimate.parameters == sum(p.numel() for p in model.parameters())
    assert estimate.memory > 16 * estimate.parameters and estimate.flops > 0


def test_what_is_added_to_the_transformer_counts():
    plain, more = (
        cost(compose(*overrides), Sizes(30, 4, 10))
        for overrides in ((), ("model.additive=true", "model.position=genome"))
    )
    assert more.parameters > plain.parameters
    assert cost(compose("model=ridge"), Sizes(30, 4, 10)).flops == 0


def test_memory_is_of_the_right_order():
    """Within a factor of three of what autograd keeps for the backward pass."""
    config = compose("model.num_layers=3", "trainer.batch_size=16")
    model = build_model(config["model"], n_loci=200, n_phenotypes=4)
    stored = {}

    def store(tensor):
        stored[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(store, lambda tensor: tensor):
        model(torch.randn(16, 200)).sum()
    estimate = cost(config, Sizes(200, 4, 10))
    assert 1 / 3 < (estimate.memory - 16 * estimate.parameters) / sum(stored.values()) < 3


def test_attention_is_counted_as_by_hand():
    """Fused attention, too, which torch does not count on a CPU: 2 L L D for scores, for values."""
    L, D, F, P = 40, 16, 32, 3
    overrides = ("model.num_layers=2", f"model.embedding_dim={D}", f"model.ffn_dim={F}",
            "model.num_heads=2", "trainer.batch_size=32", "trainer.drop_last=true")  # fmt: skip
    block = 2 * L * D * 4 * D + 2 * 2 * L * L * D + 2 * 2 * L * D * F
    estimate = training_flops(compose(*overrides), n_loci=L, n_phenotypes=P, n_train=100, epochs=5)
    assert estimate == pytest.approx(3 * (2 * block + 2 * D * P) * 96 * 5, rel=1e-9)
