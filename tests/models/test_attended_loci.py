"""Attention over the loci with the largest additive effects, beside a linear path of all loci."""

import numpy as np
import pandas as pd
import pytest
import torch

from g2p.baselines import build_baseline
from g2p.core.errors import TrainingError
from g2p.explain.attention import both_ways
from g2p.models.attention_map import attended, attention_map
from g2p.training.closed_form_effects import LASSO, effect_facts
from g2p.training.fit import fit_model
from tests.helpers.configs import compose, random_prepared
from tests.helpers.networks import transformer

P, L, K = 4, 7, 3
RANKED = torch.tensor([5, 0, 3, 1, 2, 4, 6])
SEEN = [0, 3, 5]


def effects(seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(P, L, generator=rng), torch.randn(P, generator=rng)


def screened(**changes):
    """A transformer that attends to three of seven loci, with a readout as if it was trained."""
    facts = {"lasso_effects": effects(), "ridge": effects(), "ranked_L": RANKED}
    options = {"additive": True, "additive_effects": "lasso", "attended_loci": K}
    model = transformer(**{**options, **facts, **changes})
    torch.manual_seed(1)
    for parameter in model.readout.parameters():
        torch.nn.init.normal_(parameter)
    return model.eval()


@pytest.mark.parametrize("position", ["none", "learned", "genome"])
@torch.no_grad()
def test_it_is_a_transformer_of_these_loci_plus_effects_of_all(position):
    genome = torch.stack([torch.arange(L) % 2, 100 * torch.arange(L)], dim=1)
    model = screened(position=position, genome_L2=genome)
    alone = transformer(position="none", additive=False)
    small = {k: v for k, v in model.state_dict().items() if k in alone.state_dict()}
    alone.embed.weight = torch.nn.Parameter(small["embed.weight"])
    alone.load_state_dict(small)
    genotype = torch.randint(0, 2, (9, L)).float() * 2 - 1
    tokens = genotype[:, SEEN, None] * model.embed.weight
    if model.position is not None:
        tokens = tokens + model.position()[SEEN]
    expected = alone.readout(alone.norm(alone.blocks(tokens)))
    weight, offset = effects()
    expected += genotype @ weight.T + offset
    torch.testing.assert_close(model(genotype), expected)


def test_effects_of_lasso_stay_as_they_are():
    model = screened()
    assert not [name for name, _ in model.named_parameters() if name.startswith("additive")]
    learned = screened(additive_effects="ridge")
    assert "additive.change_PL" in dict(learned.named_parameters())


def test_the_map_of_attention_is_of_these_loci():
    genotype = torch.randint(0, 2, (9, L)).float() * 2 - 1
    model = screened()
    maps = attention_map(model, genotype)
    assert attended(model, L).tolist() == SEEN and len(maps) == 2
    for weights in maps:
        assert weights.shape == (K, K) and (weights > 0).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def test_attention_is_0_between_loci_that_it_leaves_out():
    layer = pd.DataFrame({
        "locus_a": ["b", "b", "c", "c"], "locus_b": ["b", "c", "b", "c"],
        "weight": [0.7, 0.3, 0.9, 0.1],
    })  # fmt: skip
    pairs = pd.MultiIndex.from_tuples([("a", "b"), ("b", "c"), ("a", "d")])
    np.testing.assert_allclose(both_ways(layer, pairs), [0, 0.6, 0])


def test_lasso_has_the_options_that_are_shipped():
    assert compose("model=lasso")["model"].to_dict() == LASSO


def test_loci_are_ranked_by_the_variance_that_their_effects_explain(monkeypatch):
    """In blocks of strains, for a panel that is a map of a file."""
    monkeypatch.setattr("g2p.data.large_arrays.BLOCK", 7)
    data = random_prepared()
    data.genotypes[:, 3] = np.arange(60) % 9 == 0  # hardly varies
    facts = effect_facts(compose("model.additive=true", "model.attended_loci=5")["model"], data)
    weight, _ = facts["ridge"]
    explained = weight.square().sum(dim=0).numpy() * data.genotypes[data.split["train"]].var(axis=0)
    np.testing.assert_array_equal(facts["ranked_L"], np.argsort(-explained))


def test_loci_without_an_effect_follow_by_what_they_explain_alone():
    """Lasso leaves most out, and the first of the genome would be as good as any."""
    data = random_prepared(n_strains=200, missing=0)
    data.phenotypes[:] += 2 * data.genotypes[:, [7]]
    options = ("model.additive=true", "model.additive_effects=lasso", "model.attended_loci=5")
    facts = effect_facts(compose(*options)["model"], data)
    weight, _ = facts["lasso_effects"]
    has_effect = (weight != 0).any(dim=0).numpy()
    train = data.split["train"]
    x, y = data.genotypes[train], data.phenotypes[train]
    alone = np.square(np.corrcoef(x.T, y.T)[: x.shape[1], x.shape[1] :] * y.std(axis=0)).sum(axis=1)
    ranked = facts["ranked_L"].numpy()
    without = ranked[has_effect.sum() :]
    assert ranked[0] == 7 and len(without) > 2 and not has_effect[without].any()
    np.testing.assert_array_equal(without, sorted(without, key=lambda locus: -alone[locus]))


def test_too_few_strains_for_lasso_are_an_error_about_its_effects():
    data = random_prepared(n_strains=12)
    options = compose("model.additive=true", "model.additive_effects=lasso")["model"]
    with pytest.raises(TrainingError, match="effects of lasso .*needs 10"):
        effect_facts(options, data)


@pytest.mark.parametrize("closed_form", ["lasso", "ridge"])
def test_a_run_starts_at_the_closed_form_and_sees_its_strongest_loci(tmp_path, closed_form):
    """With a step of nearly zero, it stays there."""
    data = random_prepared(n_strains=200)
    data.phenotypes[:] += 2 * data.genotypes[:, [7]] + data.genotypes[:, [2]]
    config = compose(
        "model.additive=true", f"model.additive_effects={closed_form}", "model.attended_loci=2",
        "model.embedding_dim=8", "model.num_layers=1", "optim.lr=1e-12", "trainer.max_epochs=1",
        "trainer.accelerator=cpu",
    )  # fmt: skip
    fitted = fit_model(config, data, tmp_path, lambda rows: None)
    train = data.split["train"]
    baseline = build_baseline(compose(f"model={closed_form}")["model"])
    baseline.fit(data.genotypes[train], data.phenotypes[train])
    np.testing.assert_allclose(
        fitted.predict(data.genotypes), baseline.predict(data.genotypes), atol=1e-4
    )
    assert fitted.network.attended_K.tolist() == [2, 7]
