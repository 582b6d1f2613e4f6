"""The multi-environment model and its batches, against explicit loops and the one-hot form."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.data.batches import Batches
from g2p.models.rijal_multienv import RijalMultienv


def explicit(model: RijalMultienv, genotype: torch.Tensor, environment: int) -> torch.Tensor:
    """One strain in one environment, token by token: one-hot genotype, one-hot environment."""
    L, columns = model.embed.weight.shape
    P, D = model.n_environments, model.code_PD.shape[1]
    tokens = torch.zeros(L + 1, D, dtype=genotype.dtype)
    tokens[:L, :columns] = torch.diag(genotype) @ model.embed.weight
    tokens[L, environment + (columns if columns + 1 < D else 0)] = 1
    tokens[:, -1] = 1
    assert D in (columns + 1, columns + P + 1)
    for block in model.blocks:
        query, key, value = (tokens @ w.T for w in block.attention.in_weight.chunk(3))
        tokens = torch.softmax(query @ key.T, dim=1) @ value
    return (tokens * model.readout.weight[0]).sum() + model.readout.offset[0]


@settings(deadline=None, max_examples=20)
@given(
    n_loci=st.integers(1, 12),
    n_environments=st.integers(1, 5),
    num_layers=st.integers(1, 3),
    embedding_dim=st.integers(2, 14),
    own_columns=st.booleans(),
)
def test_it_is_the_one_hot_form(n_loci, n_environments, num_layers, embedding_dim, own_columns):
    torch.manual_seed(0)
    embedding_dim = embedding_dim if own_columns else embedding_dim + n_environments
    model = RijalMultienv(
        n_loci=n_loci, n_phenotypes=n_environments, num_layers=num_layers,
        embedding_dim=embedding_dim, own_columns=own_columns, init_scale=0.3,
    )  # fmt: skip
    genotype = torch.rand(3, n_loci) * 2 - 1
    expected = torch.stack(
        [torch.stack([explicit(model, g, p) for p in range(n_environments)]) for g in genotype]
    )
    predicted = model(genotype)
    torch.testing.assert_close(predicted, expected, atol=1e-5, rtol=1e-5)
    which = torch.tensor([0, n_environments - 1, 0])
    torch.testing.assert_close(model(genotype, which), expected.gather(1, which[:, None]))
    gradients = torch.autograd.grad(predicted.square().sum(), list(model.parameters()))
    expected_gradients = torch.autograd.grad(expected.square().sum(), list(model.parameters()))
    for a, b in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_a_code_that_does_not_fit():
    with pytest.raises(G2PError, match="does not fit into the 4 columns"):
        RijalMultienv(
            n_loci=3, n_phenotypes=5, num_layers=1, embedding_dim=5, own_columns=False,
            init_scale=1.0,
        )  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(
    n=st.integers(1, 60), P=st.integers(1, 5), batch_size=st.integers(1, 20),
    world=st.integers(1, 3),
)  # fmt: skip
def test_batches_are_balanced_over_environments(n, P, batch_size, world):
    torch.manual_seed(0)
    genotypes, phenotypes = torch.arange(n)[:, None].float(), torch.randn(n, P)
    phenotypes[torch.rand(n, P) < 0.2] = float("nan")
    shares = [
        list(Batches(genotypes, phenotypes, torch.arange(n), batch_size=batch_size, seed=3,
                     rank=rank, world=world, n_environments=P))
        for rank in range(world)
    ]  # fmt: skip
    strains = []
    for i, batches in enumerate(zip(*shares, strict=True)):
        counts = torch.zeros(P)
        observed = 0
        taken = min(world, n - i * batch_size, batch_size)  # by as many processes
        for batch in batches[taken:]:
            assert len(batch.phenotype_BP) == 1 and batch.phenotype_BP.isnan().all()
        for batch in batches[:taken]:
            assert batch.inputs == (batch.genotype_BL, batch.environment_B)
            for g, y, e in zip(batch.genotype_BL, batch.phenotype_BP, batch.environment_B,
                               strict=True):  # fmt: skip
                torch.testing.assert_close(
                    y[0], phenotypes[int(g), e], equal_nan=True, atol=0, rtol=0
                )
                counts[e] += 1
                observed += int(y.isfinite())
                strains.append(int(g))
        assert counts.max() - counts.min() <= 1
        assert {int(batch.n_observed) for batch in batches} == {observed}
    assert sorted(strains) == list(range(n))
