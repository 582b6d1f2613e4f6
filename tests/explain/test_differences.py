"""Differences of predictions equal brute force: all alleles of a set, set in every strain."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.explain.background import Background
from g2p.explain.linkage import linked_loci
from g2p.explain.mean_differences import mean_differences, n_evaluations

UNKNOWN = ["unknown"]


def background(calls: np.ndarray, step: int = 2) -> Background:
    direction = -calls if step == 2 else np.where(calls < 1, 1, -1)
    return Background(np.arange(len(calls)), calls, direction, step, "")


def cubic(rng, n_loci: int, n_phenotypes: int):
    """A random function with interactions of up to three loci."""
    shape = (n_loci + 1,) * 3
    weight = rng.normal(size=(*shape, n_phenotypes))

    def f(genotypes: np.ndarray) -> np.ndarray:
        X = np.hstack([np.ones((len(genotypes), 1)), genotypes.astype(float)])
        return np.einsum("ni,nj,nk,ijkp->np", X, X, X, weight)

    return f


def brute_force(f, calls: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """(n, M, P): the sum over all alleles of a set, with the product of their signs."""
    differences = []
    for chosen in sets:
        total = 0
        for alleles in product((-1, 1), repeat=len(chosen)):
            genotypes = calls.copy()
            genotypes[:, chosen] = alleles
            total = total + np.prod(alleles) * f(genotypes)
        differences.append(total)
    return np.stack(differences, axis=1)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1), strains=st.integers(1, 9), loci=st.integers(3, 7),
    phenotypes=st.integers(1, 3), order=st.integers(1, 3),
)  # fmt: skip
def test_differences_of_any_order_equal_brute_force(
    tmp_path_factory, seed, strains, loci, phenotypes, order
):
    rng = np.random.default_rng(seed)
    calls = rng.choice([-1.0, 1.0], (strains, loci)).astype(np.float32)
    f = cubic(rng, loci, phenotypes)
    sets = np.array(list(combinations(range(loci), order)))
    sets = sets[rng.permutation(len(sets))[: rng.integers(1, len(sets) + 1)]]
    alone = linked_loci(calls, UNKNOWN * loci, None)
    file = tmp_path_factory.mktemp("sums") / "sums.npz"
    predicted = []

    def counted(genotypes):
        predicted.append(len(genotypes))
        return f(genotypes)

    result = mean_differences(counted, background(calls), alone, sets, phenotypes, file)
    expected = brute_force(f, calls, sets)
    assert result.mean == pytest.approx(expected.mean(axis=0), abs=1e-9)
    if strains > 1:
        assert result.sd == pytest.approx(expected.std(axis=0, ddof=1), abs=1e-7)
        assert result.se == pytest.approx(result.sd / np.sqrt(strains))
    assert sum(predicted) == n_evaluations(sets, strains)


def test_one_allele_more_of_three_genotypes(tmp_path):
    rng = np.random.default_rng(0)
    calls = rng.choice([-1.0, 0.0, 1.0], (6, 3)).astype(np.float32)
    f = cubic(rng, 3, 1)
    alone = linked_loci(calls, UNKNOWN * 3, None)
    three = background(calls, step=1)
    result = mean_differences(f, three, alone, np.array([[0], [1]]), 1, tmp_path / "a.npz")
    for locus in (0, 1):
        steps = []
        for strain in calls:
            low, high = strain.copy(), strain.copy()
            low[locus] = min(strain[locus], 0)
            high[locus] = low[locus] + 1
            steps.append((f(high[None]) - f(low[None]))[0, 0])
        assert result.mean[locus, 0] == pytest.approx(np.mean(steps), abs=1e-5)


def test_linked_loci_are_flipped_together(tmp_path):
    """A locus takes those linked with it along, in the direction of their correlation."""
    rng = np.random.default_rng(1)
    base = rng.choice([-1.0, 1.0], 400)
    twin, mirror = base.copy(), -base
    twin[:20] *= -1
    calls = np.stack([base, twin, mirror, rng.choice([-1.0, 1.0], 400)], axis=1).astype("float32")
    linkage = linked_loci(calls, ["1"] * 4, 0.5)
    assert linkage.sizes.tolist() == [3, 3, 3, 1]
    weight = np.array([1.0, 10.0, 100.0, 1000.0])
    f = lambda genotypes: (genotypes @ weight)[:, None]  # noqa: E731
    sets = np.array([[0], [3]])
    result = mean_differences(f, background(calls), linkage, sets, 1, tmp_path / "a.npz")
    # The twin follows in all strains but the 20 in which it has the other allele already.
    assert result.mean[:, 0] == pytest.approx([2 * (1 + 10 * 380 / 400 - 100), 2000])


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_killed_computation_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("g2p.explain.mean_differences.SECONDS_BETWEEN_SAVES", 0.0)
    monkeypatch.setattr("g2p.explain.mean_differences.SETS", 2)
    monkeypatch.setattr("g2p.explain.mean_differences.ROWS", 8)
    rng = np.random.default_rng(2)
    calls = rng.choice([-1.0, 1.0], (10, 5)).astype(np.float32)
    f = cubic(rng, 5, 2)
    sets = np.array(list(combinations(range(5), 2)))
    alone = linked_loci(calls, UNKNOWN * 5, None)
    arguments = background(calls), alone, sets, 2
    whole = mean_differences(f, *arguments, tmp_path / "whole.npz")
    calls_of_f = []

    def killed(genotypes):
        calls_of_f.append(len(genotypes))
        if len(calls_of_f) == 30:
            raise Killed
        return f(genotypes)

    with pytest.raises(Killed):
        mean_differences(killed, *arguments, tmp_path / "killed.npz")
    rest = []

    def resumed(genotypes):
        rest.append(len(genotypes))
        return f(genotypes)

    result = mean_differences(resumed, *arguments, tmp_path / "killed.npz")
    assert np.array_equal(result.mean, whole.mean) and np.array_equal(result.se, whole.se)
    assert 0 < len(rest) < len(calls_of_f)
    (tmp_path / "killed.npz").write_bytes(b"damaged")
    assert np.array_equal(mean_differences(f, *arguments, tmp_path / "killed.npz").mean, whole.mean)
