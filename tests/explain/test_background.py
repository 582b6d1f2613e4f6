"""The strains whose loci are flipped, and what a flip is in each coding."""

from dataclasses import replace

import numpy as np
import pytest

from g2p.core.errors import DataError
from g2p.data.panel import Panel
from g2p.explain.background import choose_background
from g2p.explain.linkage import linked_loci
from tests.helpers.configs import random_prepared


def panel(genotypes: np.ndarray) -> Panel:
    data = random_prepared()
    return Panel(genotypes, data.observed, data.strains, data.phenotype_names, data.loci)


def choose(data, strains=1000, seed=0, read=None):
    return choose_background(data, panel(data.genotypes if read is None else read), strains, seed)


def test_strains_are_of_validation_and_test_alone():
    data = random_prepared()
    chosen = choose(data)
    assert set(chosen.rows) == {*data.split["val"], *data.split["test"]}
    few = choose(data, 5)
    assert len(few.rows) == 5 and set(few.rows) <= set(chosen.rows)
    assert few.rows.tolist() == choose(data, 5).rows.tolist()
    assert few.rows.tolist() != choose(data, 5, 1).rows.tolist()


def test_two_values_with_uncertain_ones_between():
    data = random_prepared()
    genotypes = data.genotypes.astype(np.float32) * np.float32(0.9)
    read = genotypes.copy()
    genotypes[:, :6], read[:, :6] = 0.1, np.nan  # imputed means
    chosen = choose(replace(data, genotypes=genotypes), read=read)
    assert set(np.unique(chosen.calls)) == {-1, 1}
    assert chosen.step == 2
    assert np.array_equal(chosen.direction, -chosen.calls)


def test_three_genotypes_step_by_one_allele():
    data = random_prepared()
    rng = np.random.default_rng(0)
    genotypes = rng.choice(np.array([-1, 0, 1], np.int8), data.genotypes.shape)
    chosen = choose(replace(data, genotypes=genotypes))
    assert chosen.step == 1
    flipped = chosen.calls + chosen.direction
    assert np.abs(flipped).max() <= 1
    assert np.array_equal(flipped[chosen.calls == 0], np.ones((chosen.calls == 0).sum()))


def test_values_that_are_no_calls_are_refused():
    data = random_prepared()
    rng = np.random.default_rng(0)
    genotypes = rng.uniform(-1, 1, data.genotypes.shape).astype(np.float32)
    with pytest.raises(DataError, match="no calls"):
        choose(replace(data, genotypes=genotypes))


def test_loci_of_two_chromosomes_or_none_are_not_linked():
    column = np.random.default_rng(0).choice([-1.0, 1.0], 100)
    genotypes = np.stack([column, column, -column, np.ones(100)], axis=1)
    both = linked_loci(genotypes, ["1", "2", "2", "2"], 0.5)
    assert both.sizes.tolist() == [1, 2, 2, 1]
    others, signs = both.of(1)
    assert others.tolist() == [1, 2] and signs.tolist() == [1, -1]
    assert both.are_linked(np.array([0, 1, 2]), np.array([1, 2, 2])).tolist() == [
        False, True, True,
    ]  # fmt: skip
    assert linked_loci(genotypes, ["unknown"] * 4, 0.5).sizes.tolist() == [1] * 4
    assert linked_loci(genotypes, ["1"] * 4, None).sizes.tolist() == [1] * 4
