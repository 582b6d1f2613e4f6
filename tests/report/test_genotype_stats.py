"""What a panel holds: every number against a loop or a known truth."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from g2p.data.panel import NO_CALL
from g2p.data.sources.simulated import cross, draw_loci
from g2p.data.sources.yeast import MORGANS_PER_BP
from g2p.report.panel.genotype_stats import (
    calls,
    evenly_spaced,
    moments,
    relatedness,
    relationship,
    sampled,
)
from g2p.report.panel.ld_decay import decay, pairs_by_distance, squared_correlation
from tests.helpers.panels import with_gaps


def as_nan(genotypes: np.ndarray) -> np.ndarray:
    values = genotypes.astype(float)
    values[values == NO_CALL] = np.nan
    return values


def table(chromosome, position) -> pa.Table:
    return pa.table({"chromosome": [f"chr{c}" for c in chromosome], "position": position})


@pytest.mark.parametrize("dtype", [np.int8, np.float16, np.float32])
def test_calls_are_those_of_a_loop(dtype):
    genotypes = with_gaps(1500, 12, dtype)  # more than one block
    result = calls(genotypes)
    for locus, values in enumerate(as_nan(genotypes).T):
        called = [v for v in values if v == v]
        assert result.missing_by_locus[locus] == pytest.approx(1 - len(called) / 1500)
        if called:
            ones = sum((v + 1) / 2 for v in called) / len(called)
            assert result.frequency[locus] == pytest.approx(ones)
        else:
            assert np.isnan(result.frequency[locus])
    for strain, values in enumerate(as_nan(genotypes)):
        assert result.missing_by_strain[strain] == pytest.approx(np.isnan(values).mean())
    assert len(result.minor) == 11
    assert result.minor.min() == 0 and result.minor.max() <= 0.5


def test_samples_are_ascending_and_the_same_at_each_call():
    for most in (3, 10, 50):
        for chosen in (sampled(20, most), evenly_spaced(20, most)):
            assert len(chosen) == min(20, most)
            assert (np.diff(chosen) > 0).all() and chosen.min() >= 0 and chosen.max() < 20
    np.testing.assert_array_equal(sampled(1000, 30), sampled(1000, 30))


@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_r2_is_numpys_over_strains_called_at_both(dtype):
    genotypes = with_gaps(dtype=dtype)
    left, right = (pairs.ravel() for pairs in np.indices((25, 25)))
    values = as_nan(genotypes).T
    result = squared_correlation(np.ascontiguousarray(genotypes.T), left, right)
    for i, j, r2 in zip(left, right, result, strict=True):
        seen = np.isfinite(values[i]) & np.isfinite(values[j])
        if i < 2 or j < 2:  # not called, or does not vary
            assert np.isnan(r2)
        else:
            assert r2 == pytest.approx(np.corrcoef(values[i, seen], values[j, seen])[0, 1] ** 2)


def test_pairs_lie_on_one_chromosome_and_as_far_as_their_bin_says():
    rng = np.random.default_rng(0)
    chromosome = np.repeat([1, 0, 2], [40, 30, 1])
    position = rng.integers(1, 5000, 71).astype(float)  # in no order, some alike
    edges = np.array([1.0, 10, 100, 1000])
    first = np.arange(0, 71, 2)
    result = set()
    for one, other, bin_ in zip(
        *pairs_by_distance(chromosome, position, first, edges, rng), strict=True
    ):
        assert chromosome[one] == chromosome[other]
        assert edges[bin_] <= position[other] - position[one] < edges[bin_ + 1]
        result.add((one, bin_))
    expected = {
        (one, bin_)
        for one in first
        for other in range(71)
        for bin_ in range(3)
        if chromosome[one] == chromosome[other]
        and edges[bin_] <= position[other] - position[one] < edges[bin_ + 1]
    }
    assert result == expected


def test_linkage_of_a_cross_decays_as_its_map_says():
    rng = np.random.default_rng(1)
    chromosome, position = draw_loci(rng, 1200)
    genotypes = cross(rng, 1500, chromosome, position)
    result = decay(genotypes, table(chromosome, position))
    expected = np.exp(-4 * result.distance * MORGANS_PER_BP)  # Haldane: r = exp(-2d)
    enough = result.pairs > 200
    assert enough.sum() > 10
    # A bin is a factor of 1.8 wide, so its middle stands for it only roughly.
    np.testing.assert_allclose(result.r2[enough], expected[enough], atol=0.03)
    assert result.strains == 1000
    assert result.between == pytest.approx(1 / 1000, rel=0.2)  # by chance


def test_linkage_without_a_pair_is_nothing():
    genotypes = with_gaps(20, 3)
    assert decay(genotypes, table([1, 2, 3], [5, 5, 5])) is None
    assert decay(genotypes, table([1, 1, 1], [5, 5, 5])) is None
    loci = pa.table({"chromosome": ["unknown"] * 900, "position": np.arange(900)})
    assert decay(with_gaps(20, 900), loci) is None  # a place in the file is no distance


def test_relationship_is_that_of_a_loop():
    genotypes, rows, columns = with_gaps(), np.array([1, 4, 9, 30, 59]), np.arange(0, 25, 3)
    values = as_nan(genotypes)[np.ix_(rows, columns)]
    expected = np.zeros((5, 5))
    for locus in values.T:
        if np.isfinite(locus).any():
            centred = np.nan_to_num(locus - np.nanmean(locus))
            expected += np.outer(centred, centred)
    expected /= expected.trace() / 5
    np.testing.assert_allclose(relationship(genotypes, rows, columns), expected, atol=1e-12)
    assert not relationship(genotypes, rows, np.array([0, 1])).any()


def test_relatives_lie_side_by_side():
    rng = np.random.default_rng(0)
    families = rng.choice(np.array([-1, 1], np.int8), (3, 400))
    family = rng.integers(3, size=80)
    genotypes = families[family] * rng.choice(np.array([-1, 1], np.int8), (80, 400), p=[0.1, 0.9])
    result = relatedness(genotypes)
    assert (np.diff(family[result.rows]) != 0).sum() == 2
    assert len(result.pairs) == 80 * 79 / 2
    np.testing.assert_allclose(
        result.matrix, relationship(genotypes, result.rows, np.arange(400)), atol=1e-12
    )
    values = np.linalg.svd(genotypes - genotypes.mean(axis=0))[1] ** 2
    assert result.first_axis == pytest.approx(values[0] / values.sum())
    assert relatedness(genotypes[:1]) is None
    assert relatedness(np.ones((5, 4), np.int8)) is None


def test_moments():
    result = moments(np.array([1.0, np.nan, 2.0, 6.0]))
    assert result == pytest.approx({"mean": 3, "sd": np.sqrt(7), "min": 1, "max": 6})
    assert np.isnan(list(moments(np.full(3, np.nan)).values())).all()
    assert np.isnan(moments(np.array([4.0]))["sd"])


def test_a_panel_larger_than_memory_is_never_loaded_whole(tmp_path):
    shape = (100_000, 4_000)  # 400 MB, of which the file system holds nothing
    genotypes = np.memmap(tmp_path / "calls", np.int8, "w+", shape=shape)
    loci = table(np.zeros(shape[1], int), np.arange(shape[1]) * 100)
    tracemalloc.start()
    calls(genotypes)
    decay(genotypes, loci)
    relatedness(genotypes)
    relationship(genotypes, sampled(shape[0], 1000), np.arange(shape[1]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
