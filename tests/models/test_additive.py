"""Parts of the transformer beyond both papers: positions, and the additive path."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.baselines import build_baseline
from g2p.models import build_model
from g2p.models.layers.position import GenomePosition, LearnedPosition
from g2p.training.fit import fit_model
from tests.helpers.configs import compose, random_prepared
from tests.helpers.networks import transformer


def test_a_learned_position_is_added_whatever_the_genotype():
    model = transformer(position="learned")
    assert model.position.weight.shape == (7, 12)
    genotype = torch.zeros(2, 7)
    encoded = model.norm(model.blocks(model.position.weight.expand(2, 7, 12)))
    torch.testing.assert_close(model(genotype), model.readout.linear(encoded.mean(dim=1)))
    assert isinstance(model.position, LearnedPosition)


@settings(deadline=None, max_examples=20)
@given(n_loci=st.integers(1, 9), dim=st.integers(1, 6), seed=st.integers(0, 99))
def test_genome_positions_are_waves_along_each_chromosome(n_loci, dim, seed):
    rng = np.random.default_rng(seed)
    genome = np.stack([np.sort(rng.integers(0, 3, n_loci)), rng.integers(0, 10**6, n_loci)], 1)
    torch.manual_seed(seed)
    position = GenomePosition(genome_L2=torch.tensor(genome), dim=dim, init_scale=0.5)
    longest = max(genome[:, 1].max(), 1)
    for vector, (chromosome, base) in zip(position(), genome, strict=True):
        expected = position.chromosome[chromosome].clone()
        for octave in range(10):
            angle = math.pi * 2**octave * base / longest
            expected += math.sin(angle) * position.along[octave]
            expected += math.cos(angle) * position.along[10 + octave]
        torch.testing.assert_close(vector, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["transformer", "rung"])
def test_the_additive_path_starts_as_ridge_and_learns_in_its_units(name):
    data = random_prepared()
    train = data.split["train"]
    ridge = build_baseline({"name": "ridge"}).fit(data.genotypes[train], data.phenotypes[train])
    solution = torch.tensor(ridge.weight), torch.tensor(ridge.offset)
    options = compose(f"model={name}", "model.additive=true")["model"]
    torch.manual_seed(0)
    model = build_model(options, n_loci=12, n_phenotypes=3, ridge=solution)
    genotype = torch.tensor(data.genotypes).float()
    with torch.no_grad():
        np.testing.assert_allclose(model(genotype), ridge.predict(data.genotypes), atol=1e-5)
        model.additive.change_PL[1, 2] = 0.5
        changed = model(genotype).numpy() - ridge.predict(data.genotypes)
    spread = np.sqrt((ridge.weight[1] ** 2).mean())
    np.testing.assert_allclose(changed[:, 1], 0.5 * spread * data.genotypes[:, 2], atol=1e-5)
    np.testing.assert_allclose(changed[:, [0, 2]], 0, atol=1e-5)


def test_a_run_starts_at_the_ridge_of_its_training_strains(tmp_path):
    """With a step of nearly zero, it stays at ridge."""
    data = random_prepared()
    config = compose(
        "model.additive=true", "model.embedding_dim=8", "model.num_layers=1", "optim.lr=1e-12",
        "trainer.max_epochs=1", "trainer.accelerator=cpu",
    )  # fmt: skip
    fitted = fit_model(config, data, tmp_path, lambda rows: None)
    train = data.split["train"]
    ridge = build_baseline({"name": "ridge"}).fit(data.genotypes[train], data.phenotypes[train])
    np.testing.assert_allclose(
        fitted.predict(data.genotypes), ridge.predict(data.genotypes), atol=1e-4
    )
