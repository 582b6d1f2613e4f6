"""Between panel and model: LD pruning, splits, scaling, batches, each against a plain answer."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.data import split as splits
from g2p.data.batches import Batches
from g2p.data.ld_pruning import ld_prune
from g2p.data.preprocess import prepare
from g2p.data.scaler import Scaler
from tests.helpers.panels import PREPARE, QUALITY, make_panel


def direct_rule(genotypes, threshold):
    """The greedy rule as it is stated, on the full correlation matrix."""
    r = np.corrcoef(genotypes.T.astype(float))
    accepted = []
    for locus in range(genotypes.shape[1]):
        if all(abs(r[locus, k]) <= threshold for k in accepted):
            accepted.append(locus)
    return accepted


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    n_strains=st.integers(8, 60),
    n_loci=st.integers(1, 90),
    threshold=st.floats(0.05, 1.0),
    block=st.integers(1, 100),
)
def test_loci_are_those_of_the_direct_rule(seed, n_strains, n_loci, threshold, block):
    rng = np.random.default_rng(seed)
    # A chain: each locus copies its neighbour with a few switches, so neighbours correlate.
    switches = np.where(rng.random((n_strains, n_loci)) < 0.15, -1, 1)
    genotypes = np.multiply.accumulate(switches, axis=1).astype(np.int8)
    genotypes[0], genotypes[1] = 1, -1  # every locus varies
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("g2p.data.ld_pruning.BLOCK", block)
        accepted = ld_prune(genotypes, threshold)
    # On the threshold itself a float correlation may fall either way; the rule there is ours.
    r = np.abs(np.corrcoef(genotypes.T.astype(float)))
    if np.abs(r - threshold).min() > 1e-9:
        assert accepted.tolist() == direct_rule(genotypes, threshold)


def test_a_locus_that_does_not_vary_correlates_with_none():
    genotypes = np.array([[1, 1, -1], [1, -1, 1], [1, 1, -1]], np.int8)
    assert ld_prune(genotypes, 0.9).tolist() == [0, 1]


def prepared(panel, **changes):
    options = PREPARE | changes
    split = splits.random(panel, [], seed=0, n_train=None, test_share=0.15)
    return prepare(panel, split, panel.columns("all"), QUALITY, **options)


def test_nothing_of_the_test_strains_reaches_what_is_fitted():
    """Change every value of the test strains: scaling and loci stay."""
    panel = make_panel(40, 30, 2)
    test = splits.random(panel, [], seed=0, n_train=None, test_share=0.15)["test"]
    phenotypes, genotypes = panel.phenotypes.copy(), panel.genotypes.copy()
    phenotypes[test] *= 100
    genotypes[test] = np.random.default_rng(1).integers(-1, 2, genotypes[test].shape)
    leaky = make_panel(40, 30, 2, phenotypes=phenotypes, genotypes=genotypes)
    for loci_from in ("train", "train_val"):
        options = {"max_correlation": 0.3, "loci_from": loci_from}
        first, second = prepared(panel, **options), prepared(leaky, **options)
        assert first.loci.equals(second.loci)
        assert len(first.loci) < 30
        np.testing.assert_array_equal(first.scaler.mean, second.scaler.mean)
        np.testing.assert_array_equal(first.scaler.sd, second.scaler.sd)


def test_validation_strains_choose_loci_only_with_train_val():
    panel = make_panel(40, 30, 2)
    val = splits.random(panel, [], seed=0, n_train=None, test_share=0.15)["val"]
    genotypes = panel.genotypes.copy()
    genotypes[val] = 1
    other = make_panel(40, 30, 2, genotypes=genotypes)
    by_train = [prepared(p, max_correlation=0.25).loci for p in (panel, other)]
    assert by_train[0] == by_train[1]
    options = {"max_correlation": 0.25, "loci_from": "train_val"}
    by_both = [prepared(p, **options).loci for p in (panel, other)]
    assert by_both[0] != by_both[1]


def test_a_missing_value_is_masked_or_drops_its_strain():
    panel = make_panel(40, 5, 2)  # strain 0 lacks phenotype 0
    masked, dropped = prepared(panel), prepared(panel, missing="drop_strain")
    rows = {name: np.concatenate(list(p.split.values())) for name, p in
            (("masked", masked), ("dropped", dropped))}  # fmt: skip
    assert sorted(rows["masked"]) == list(range(40))
    assert sorted(rows["dropped"]) == list(range(1, 40))
    assert np.isnan(masked.phenotypes[0, 0])
    assert np.isfinite(masked.phenotypes[0, 1])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.full(40, np.nan), "'p0' has no values"),
        (np.full(40, 3.0), "'p0' has no variance: its .* are all 3"),
        (np.where(np.arange(40) < 2, np.arange(40.0), np.nan), "values among the"),
        (np.arange(40) * 1e300, "'p0' has values too large to square"),
        (np.arange(40) * 1e-310, "'p0' has values too small to square"),
    ],
)
def test_a_phenotype_that_cannot_be_scored(column, message):
    phenotypes = np.stack([column, np.arange(40.0)], axis=1)
    with pytest.raises(G2PError, match=message):
        prepared(make_panel(40, 5, 2, phenotypes=phenotypes))


def test_scaling_there_and_back():
    values = np.array([[1.0, 5], [3, np.nan], [np.nan, 9]])
    scaler = Scaler.fit(values)
    np.testing.assert_allclose(scaler.mean, [2, 7])
    np.testing.assert_allclose(scaler.sd, [1, 2])  # population sd
    np.testing.assert_allclose(scaler.standardise(values), [[-1, -1], [1, np.nan], [np.nan, 1]])
    np.testing.assert_allclose(scaler.original(scaler.standardise(values)), values)


def batches(n=10, **options) -> Batches:
    genotypes = torch.arange(n, dtype=torch.int8)[:, None].repeat(1, 3)
    phenotypes = torch.arange(n, dtype=torch.float32)[:, None]
    phenotypes[0] = float("nan")
    return Batches(genotypes, phenotypes, torch.arange(n), **{"batch_size": 4, **options})


def strains(epoch) -> list[int]:
    return [int(strain) for batch in epoch for strain in batch.genotype_BL[:, 0]]


@settings(deadline=None, max_examples=30)
@given(n=st.integers(1, 40), size=st.integers(1, 45), seed=st.integers(0, 9), drop=st.booleans())
def test_an_epoch_takes_each_strain_once(n, size, seed, drop):
    epoch = batches(n, batch_size=size, seed=seed, drop_last=drop)
    seen = strains(epoch)
    accepted = n - n % size if drop else n
    assert len(seen) == len(set(seen)) == accepted
    assert len(epoch) == len(list(epoch)) == (accepted + size - 1) // size
    for batch in epoch:
        pairs = zip(batch.genotype_BL[:, 0], batch.phenotype_BP[:, 0], strict=True)
        assert all(g == p or (g == 0 and p.isnan()) for g, p in pairs)
        assert batch.n_observed == batch.phenotype_BP.isfinite().sum()


def test_the_order_is_of_seed_and_epoch_alone():
    first, again, other = batches(30, seed=1), batches(30, seed=1), batches(30, seed=2)
    first.epoch = 3
    list(first)  # what was iterated before does not matter
    first.epoch = again.epoch = other.epoch = 7
    assert strains(first) == strains(again) != strains(other)
    again.epoch = 8
    assert strains(first) != strains(again)
    assert strains(batches(10)) == list(range(10))


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_each_batch(world):
    whole = list(batches(11, seed=5))
    shares = [list(batches(11, seed=5, rank=rank, world=world)) for rank in range(world)]
    for i, batch in enumerate(whole):
        together = sorted(strains(share[i] for share in shares))
        assert together == sorted(strains([batch]))
        assert all(share[i].n_observed == batch.n_observed for share in shares)
