"""A simulated haploid two-parent yeast cross with known truth, for examples and tests.

Genotypes are +-1, one for each parent. Along each chromosome the parent changes at crossovers that
fall at yeast's map density without interference (Haldane 1919), so neighbouring loci are correlated
by exp(-2d), d in Morgans. Phenotypes are the 18 environments of the BBQ panel:

    y = additive effects + pairwise products + products of three + noise

An effect of one locus or set on all phenotypes is drawn from one normal distribution whose
correlation between phenotypes is `environment_correlation`: temperatures resemble their neighbours,
the other environments share only a common component. Each component has its stated share of the
genetic variance, and genetic variance its stated share (the heritability) of the phenotypic one.
"""

from functools import reduce
from math import ceil, comb
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa

from g2p.config.constraints import Above, AtLeast, AtMost, Below, Seed
from g2p.core.errors import DataError
from g2p.data.panel import Panel
from g2p.data.panel_store import options_fingerprint, stored_panel
from g2p.data.sources.yeast import CHROMOSOME_LENGTHS, MORGANS_PER_BP, OTHERS, TEMPERATURES

# Increase when the same options would give another panel.
VERSION = 1

# Correlation of effects between environments: temperatures fall off with their distance in degrees,
# any other two environments share this much.
TEMPERATURE_REACH = 6.0
COMMON_CORRELATION = 0.5
# Strains worked on at once: bounds the memory.
BLOCK = 4096


def read(
    *,
    folder: Path,
    strains: Annotated[int, AtLeast(1), AtMost(10_000_000)],
    loci: Annotated[int, AtLeast(16), AtMost(1_000_000)],
    seed: Seed,
    additive_share: Annotated[float, Above(0), AtMost(1)],
    pairs: Annotated[int, AtLeast(0)],
    triples: Annotated[int, AtLeast(0)],
    share_pairs: Annotated[float, AtLeast(0), Below(1)],
    share_triples: Annotated[float, AtLeast(0), Below(1)],
    heritability_min: Annotated[float, Above(0), AtMost(1)],
    heritability_max: Annotated[float, Above(0), AtMost(1)],
    missing_rate: Annotated[float, AtLeast(0), Below(1)],
) -> tuple[Panel, str]:
    """Return the simulated panel of these options and its fingerprint, stored in `folder` or new.

    Args:
        folder: where panels are stored.
        strains: N.
        loci: L, spread over the 16 chromosomes by length, at uniform random positions.
        seed: of everything drawn here.
        additive_share: share of the loci that have an additive effect.
        pairs: how many pairs of loci interact.
        triples: how many sets of three loci interact.
        share_pairs: share of the genetic variance that the pairs have.
        share_triples: share that the sets of three have; the rest is additive.
        heritability_min: broad-sense heritabilities of the 18 phenotypes are spread evenly, in
            random order, from this one
        heritability_max: to this one.
        missing_rate: chance of each phenotype value to be missing.

    Raises:
        DataError: for options that contradict each other.
    """
    options = {name: value for name, value in locals().items() if name != "folder"}
    if share_pairs + share_triples >= 1:
        raise DataError(
            "data.share_pairs + data.share_triples must be below 1: additive effects need a share."
        )
    if heritability_min > heritability_max:
        raise DataError("data.heritability_min exceeds data.heritability_max.")
    for name, count, share, order in (
        ("pairs", pairs, share_pairs, 2),
        ("triples", triples, share_triples, 3),
    ):
        if (count == 0) != (share == 0):
            raise DataError(
                f"data.{name}={count} and data.share_{name}={share} contradict each other: "
                "both are zero or neither is."
            )
        if count > comb(loci, order):
            raise DataError(
                f"data.{name}={count}: {loci} loci have only {comb(loci, order)} {name}."
            )
    fingerprint = options_fingerprint(VERSION, options)
    return stored_panel(folder, "simulated", fingerprint, lambda: _simulate(**options)), fingerprint


def _simulate(
    *, strains, loci, seed, additive_share, pairs, triples, share_pairs, share_triples,
    heritability_min, heritability_max, missing_rate,
) -> Panel:  # fmt: skip
    rng = np.random.default_rng(seed)
    names = [*TEMPERATURES, *OTHERS]
    genotypes, table, strain_names = simulate_cross(rng, strains, loci)
    correlation = environment_correlation(names)
    additive = rng.permutation(loci)[: ceil(additive_share * loci), None]
    sets = [additive, draw_sets(rng, loci, 2, pairs), draw_sets(rng, loci, 3, triples)]
    shares = [1 - share_pairs - share_triples, share_pairs, share_triples]
    components = [
        _effects(rng, genotypes, s, share, correlation)
        for s, share in zip(sets, shares, strict=True)
    ]
    genetic = reduce(np.add, [value for value, _ in components])

    heritability = rng.permutation(np.linspace(heritability_min, heritability_max, len(names)))
    # Components are nearly uncorrelated, so their sum has variance near 1: measure it.
    noise_sd = genetic.std(axis=0) * np.sqrt((1 - heritability) / heritability)
    phenotypes = genetic + noise_sd * rng.standard_normal(genetic.shape)
    mean, sd = rng.uniform(2, 10, len(names)), rng.uniform(0.5, 2, len(names))
    # Rounded so that the last bits of a platform's matrix product do not show.
    phenotypes = np.round(mean + sd * phenotypes, 6)
    phenotypes[rng.random(phenotypes.shape) < missing_rate] = np.nan

    return Panel(
        genotypes=genotypes,
        phenotypes=phenotypes,
        strains=strain_names,
        phenotype_names=names,
        loci=table,
        aliases={"YPD": "30C"},
        noise_ceiling=dict(zip(names, heritability.tolist(), strict=True)),
        truth={
            "sets": [s.tolist() for s in sets],
            "effects": [(effects * sd).tolist() for _, effects in components],
            "noise_sd": (noise_sd * sd).tolist(),
        },
    )


def simulate_cross(
    rng: np.random.Generator, strains: int, loci: int
) -> tuple[np.ndarray, pa.Table, list[str]]:
    """Simulate a cross: genotypes, locus table and strain names."""
    chromosomes, positions = draw_loci(rng, loci)
    genotypes = cross(rng, strains, chromosomes, positions)
    ids = [f"chr{c:02d}_{p}" for c, p in zip(chromosomes, positions, strict=True)]
    chromosome_names = [f"chr{c:02d}" for c in chromosomes]
    table = pa.table({"id": ids, "chromosome": chromosome_names, "position": positions})
    return genotypes, table, [f"S{i:06d}" for i in range(strains)]


def draw_loci(rng: np.random.Generator, loci: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw chromosomes (1 to 16) and positions (bp) of `loci` loci, in genome order, each (L,)."""
    lengths = np.array(CHROMOSOME_LENGTHS)
    exact = loci * lengths / lengths.sum()
    counts = np.floor(exact).astype(int)
    largest_remainders = np.argsort(counts - exact, kind="stable")[: loci - counts.sum()]
    counts[largest_remainders] += 1
    positions = [
        np.sort(rng.choice(length, size=count, replace=False)) + 1
        for length, count in zip(lengths, counts, strict=True)
    ]
    return np.repeat(np.arange(1, 17), counts), np.concatenate(positions)


def cross(
    rng: np.random.Generator, strains: int, chromosomes: np.ndarray, positions: np.ndarray
) -> np.ndarray:
    """Simulate haploid offspring of two parents, (strains, L) int8 in {-1, +1}."""
    morgans = np.diff(positions, prepend=positions[0]) * MORGANS_PER_BP
    switch = 0.5 * (1 - np.exp(-2 * np.abs(morgans)))  # Haldane's map function
    switch[np.diff(chromosomes, prepend=0) != 0] = 0.5  # chromosomes assort independently
    genotypes = np.empty((strains, len(positions)), np.int8)
    for start in range(0, strains, BLOCK):
        block = genotypes[start : start + BLOCK]
        steps = np.where(rng.random(block.shape, dtype=np.float32) < switch, -1, 1).astype(np.int8)
        np.multiply.accumulate(steps, axis=1, out=block)
    return genotypes


def environment_correlation(names: list[str]) -> np.ndarray:
    """Return the (P, P) correlation of effects between environments; positive definite."""
    n_temperatures = len(TEMPERATURES)
    degrees = np.array([float(name[:-1]) for name in names[:n_temperatures]])
    apart = degrees[:, None] - degrees[None, :]
    specific = np.eye(len(names))
    specific[:n_temperatures, :n_temperatures] = np.exp(-np.abs(apart) / TEMPERATURE_REACH)
    return COMMON_CORRELATION + (1 - COMMON_CORRELATION) * specific


def draw_sets(rng: np.random.Generator, loci: int, order: int, number: int) -> np.ndarray:
    """Draw interacting sets, (number, order): different loci in a set, no set twice."""
    sets: dict[tuple[int, ...], None] = {}  # a dict keeps the order in which they were drawn
    while len(sets) < number:
        sets[tuple(sorted(rng.choice(loci, order, replace=False).tolist()))] = None
    return np.array(list(sets), dtype=int).reshape(number, order)


def _effects(rng, genotypes, sets, share, correlation) -> tuple[np.ndarray, np.ndarray]:
    """Draw effects (sets, P); return their values (N, P), of variance `share`, and the effects."""
    if len(sets) == 0:
        return np.zeros((len(genotypes), len(correlation))), np.zeros((0, len(correlation)))
    effects = rng.standard_normal((len(sets), len(correlation))) @ np.linalg.cholesky(correlation).T
    values = np.empty((len(genotypes), len(correlation)))
    for start in range(0, len(genotypes), BLOCK):
        products = np.prod(genotypes[start : start + BLOCK][:, sets], axis=2, dtype=np.int8)
        values[start : start + BLOCK] = products @ effects
    spread = values.std(axis=0)
    scale = np.sqrt(share) / np.where(spread > 0, spread, 1)  # one strain alone has no spread
    return (values - values.mean(axis=0)) * scale, effects * scale
