"""The simulated cross: it is what it says it is."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.core.errors import G2PError
from g2p.data import load_panel
from g2p.data.sources.simulated import cross, draw_loci, environment_correlation
from g2p.data.sources.yeast import CHROMOSOME_LENGTHS, MORGANS_PER_BP
from tests.helpers.configs import compose


def panel(tmp_path, *overrides):
    return load_panel(compose(*overrides)["data"], tmp_path)[0]


def test_same_seed_same_panel_another_seed_another(tmp_path):
    small = ("data.strains=50", "data.loci=20")
    first, again = panel(tmp_path / "a", *small), panel(tmp_path / "b", *small)
    np.testing.assert_array_equal(first.genotypes, again.genotypes)
    np.testing.assert_array_equal(first.phenotypes, again.phenotypes)
    other = panel(tmp_path / "a", *small, "data.seed=1")
    assert not np.array_equal(first.genotypes, other.genotypes)


def test_the_panel_of_a_seed_does_not_change(tmp_path):
    """Numbers of one small panel, so that a change of the simulation cannot pass unnoticed."""
    small = panel(tmp_path, "data.strains=4", "data.loci=16", "data.missing_rate=0")
    assert small.genotypes[0].tolist() == GENOTYPES_OF_STRAIN_0
    np.testing.assert_allclose(small.phenotypes[0, :3], PHENOTYPES_OF_STRAIN_0, atol=1.5e-6)


GENOTYPES_OF_STRAIN_0 = [1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1, 1, -1, -1, 1]
PHENOTYPES_OF_STRAIN_0 = [8.256154, 7.1864, 10.646079]


def test_loci_lie_on_the_chromosomes_in_proportion():
    chromosomes, positions = draw_loci(np.random.default_rng(0), 1164)
    counts = np.bincount(chromosomes, minlength=17)[1:]
    expected = 1164 * np.array(CHROMOSOME_LENGTHS) / sum(CHROMOSOME_LENGTHS)
    assert counts.sum() == 1164
    assert np.abs(counts - expected).max() < 1
    assert (positions >= 1).all()
    assert (positions <= np.array(CHROMOSOME_LENGTHS)[chromosomes - 1]).all()
    order = np.lexsort((positions, chromosomes))
    assert (order == np.arange(1164)).all()


def test_neighbours_correlate_as_haldane_says():
    """r = exp(-2d) along a chromosome, 0 between chromosomes."""
    chromosomes = np.array([1, 1, 1, 2])
    positions = np.array([1, 30_001, 200_001, 1])
    genotypes = cross(np.random.default_rng(0), 200_000, chromosomes, positions).astype(float)
    r = np.corrcoef(genotypes.T)
    for i, j in ((0, 1), (1, 2), (0, 2)):
        morgans = (positions[j] - positions[i]) * MORGANS_PER_BP
        assert r[i, j] == pytest.approx(np.exp(-2 * morgans), abs=0.01)
    np.testing.assert_allclose(r[3, :3], 0, atol=0.01)
    np.testing.assert_allclose(genotypes.mean(axis=0), 0, atol=0.01)


@settings(deadline=None, max_examples=8)
@given(
    seed=st.integers(0, 1000), share_pairs=st.floats(0.1, 0.5), share_triples=st.floats(0.1, 0.4)
)
def test_variances_are_the_stated_shares(tmp_path_factory, seed, share_pairs, share_triples):
    """Each part rebuilt from the truth has its share; noise leaves the stated heritability."""
    simulated = panel(
        tmp_path_factory.mktemp("panel"),
        f"data.seed={seed}", f"data.share_pairs={share_pairs}", "data.loci=60",
        f"data.share_triples={share_triples}", "data.strains=4000", "data.missing_rate=0",
    )  # fmt: skip
    genotypes, genetic, variances = simulated.genotypes.astype(float), 0, []
    for sets, effects in zip(simulated.truth["sets"], simulated.truth["effects"], strict=True):
        products = np.stack([np.prod(genotypes[:, s], axis=1) for s in sets], axis=1)
        part = products @ np.array(effects)
        genetic = genetic + part
        variances.append(part.var(axis=0))
    shares = np.array(variances) / np.sum(variances, axis=0)
    expected = np.array([1 - share_pairs - share_triples, share_pairs, share_triples])
    np.testing.assert_allclose(shares, np.tile(expected[:, None], 18), atol=1e-6)

    ceiling = np.array([simulated.noise_ceiling[name] for name in simulated.phenotype_names])
    noise = simulated.phenotypes - genetic
    np.testing.assert_allclose(noise.std(axis=0), simulated.truth["noise_sd"], rtol=0.06)
    # The ceiling is the R2 of the genetic value itself.
    r2 = 1 - noise.var(axis=0) / simulated.phenotypes.var(axis=0)
    np.testing.assert_allclose(r2, ceiling, atol=0.04)


def test_temperatures_resemble_their_neighbours(tmp_path):
    simulated = panel(tmp_path, "data.strains=3000", "data.missing_rate=0")
    names = simulated.phenotype_names
    at = {name: i for i, name in enumerate(names)}
    correlation = environment_correlation(names)
    assert np.linalg.eigvalsh(correlation).min() > 0
    for table in (correlation, np.corrcoef(simulated.phenotypes.T)):
        assert table[at["23C"], at["25C"]] > table[at["23C"], at["37C"]]
        assert table[at["35C"], at["37C"]] > table[at["37C"], at["cu"]]


def test_values_are_missing_at_the_stated_rate_and_ypd_is_30c(tmp_path):
    simulated = panel(tmp_path, "data.strains=2000", "data.missing_rate=0.2")
    assert np.isnan(simulated.phenotypes).mean() == pytest.approx(0.2, abs=0.01)
    assert simulated.columns("YPD") == simulated.columns("30C") == simulated.columns(["30C", "YPD"])
    assert simulated.columns(["cu", "23C"]) == simulated.columns(["23C", "cu"])
    assert len(simulated.columns("all")) == 18


def test_a_panel_can_be_purely_additive(tmp_path):
    off = ("data.pairs=0", "data.share_pairs=0", "data.triples=0", "data.share_triples=0")
    assert panel(tmp_path, *off).truth["sets"][1:] == [[], []]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.share_pairs=0.97", "additive effects need a share"),
        ("data.pairs=0", "contradict"),
        ("data.heritability_min=0.95", "exceeds"),
        ("data.pairs=100000", "only 4950 pairs"),
    ],
)
def test_options_that_contradict_each_other(tmp_path, override, message):
    with pytest.raises(G2PError, match=message):
        panel(tmp_path, override)
    assert not list(tmp_path.rglob("*.arrow"))


def test_truth_is_plain_values(tmp_path):
    truth = panel(tmp_path, "data.strains=20", "data.loci=16").truth
    assert json.loads(json.dumps(truth)) == truth
