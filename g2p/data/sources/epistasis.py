"""Synthetic phenotypes of Rijal et al. 2025: interactions of a chosen order among linked loci.

On simulated genotypes of a yeast cross, or on those of any stored panel. Loci are the first of
those whose mean genotype is within 0.05 of zero, in genome order, so interacting loci are linked.
For each locus and each set three coefficients a, b, c; the effect at temperature T is
c (T - 30)^2 + b (T - 30) + a. With A the mean over loci of effect x genotype and I the mean over
sets of effect x product of genotypes,

    fitness = 1 - 0.01 (epsilon A + (1 - epsilon) I + offset)

plus noise whose standard deviation is a share of that of the noiseless fitness.
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa

from g2p.config.constraints import AtLeast, AtMost, Seed, Unless
from g2p.core.errors import DataError
from g2p.data.panel import Panel, missing_genotypes
from g2p.data.panel_store import (
    DamagedPanelError,
    files_fingerprint,
    open_panel,
    options_fingerprint,
    stored_panel,
)
from g2p.data.sources.simulated import BLOCK, draw_sets, simulate_cross

# Increase when the same options would give another panel.
VERSION = 1

STORED = "`g2p panel data=...` prints where it stores a panel."

# The temperatures of the published multi-environment version, in degrees Celsius.
TEMPERATURES = (23, 25, 27, 29, 31, 33, 35, 37)
SINGLE = 30  # the published single-environment version
NEARLY_BALANCED = 0.05  # largest |mean genotype| of a chosen locus


def read(
    *,
    folder: Path,
    panel: Path | None,
    strains: Annotated[int, AtLeast(2), AtMost(10_000_000), Unless("panel")],
    markers: Annotated[int, AtLeast(16), AtMost(1_000_000), Unless("panel")],
    loci: Annotated[int, AtLeast(2), AtMost(1_000_000)],
    order: Annotated[int, AtLeast(2)],
    epsilon: Annotated[float, AtLeast(0), AtMost(1)],
    coefficients: Literal["gaussian", "exponential"],
    noise: Annotated[float, AtLeast(0), AtMost(1_000)],
    temperatures: Literal["one", "eight"],
    seed: Seed,
) -> tuple[Panel, str]:
    """Return the panel of these options and its fingerprint, from the store in `folder` or new.

    Args:
        folder: where panels are stored.
        panel: a stored panel (`g2p panel` prints its path) whose genotypes are used; None
            simulates a cross.
        strains: N, simulated.
        markers: loci simulated over the genome, from which `loci` are taken.
        loci: L, and the number of interacting sets; 100 in the paper.
        order: loci in a set; 4 in the paper.
        epsilon: from 0, purely epistatic, to 1, purely additive.
        coefficients: N(0.5, 0.5) or Exponential(1).
        noise: its standard deviation, in those of the noiseless fitness; 0.2 in the paper.
        temperatures: one phenotype (30C) or eight.
        seed: of everything drawn here.

    Raises:
        DataError: when too few loci are balanced, sets are larger than there are loci, or `panel`
            is not a stored panel, or lacks genotypes.
    """
    options = {name: value for name, value in locals().items() if name != "folder"}
    if panel is not None:
        if not panel.is_file():
            raise DataError(f"data.panel={panel} does not exist. {STORED}")
        content = files_fingerprint(folder, VERSION, {}, [panel])
        options |= {"panel": content, "strains": None, "markers": None}
    if order > loci:
        raise DataError(f"data.order={order} exceeds data.loci={loci}.")
    fingerprint = options_fingerprint(VERSION, options)
    build = lambda: _simulate(**{**options, "panel": panel})  # noqa: E731
    return stored_panel(folder, "epistasis", fingerprint, build), fingerprint


def _simulate(
    *, panel, strains, markers, loci, order, epsilon, coefficients, noise, temperatures, seed
) -> Panel:
    rng = np.random.default_rng(seed)
    genotypes, table, names_of_strains = (
        simulate_cross(rng, strains, markers) if panel is None else _genotypes_of(panel)
    )
    balanced = np.flatnonzero(np.abs(genotypes.mean(axis=0)) < NEARLY_BALANCED)[:loci]
    if len(balanced) < loci:
        raise DataError(
            f"data=epistasis: only {len(balanced)} of {len(table)} loci have a mean "
            f"genotype within {NEARLY_BALANCED} of zero; data.loci={loci} requires more."
        )
    genotypes = np.ascontiguousarray(genotypes[:, balanced])
    if order == loci:  # one set of all; of fewer than all there are as many as loci, or more
        raise DataError(f"data.loci={loci} have fewer than {loci} sets of data.order={order}.")
    sets = draw_sets(rng, loci, order, loci)
    draw = {
        "gaussian": lambda *size: rng.normal(0.5, 0.5, size),
        "exponential": lambda *size: rng.exponential(1.0, size),
    }[coefficients]
    of_loci, of_sets = draw(loci, 3), draw(loci, 3)
    offset = rng.normal() if coefficients == "gaussian" else rng.exponential()

    degrees, powers = _degrees(temperatures), effect_powers(temperatures)
    additive, interaction = np.empty((2, len(genotypes), len(degrees)))
    for start in range(0, len(genotypes), BLOCK):
        block = genotypes[start : start + BLOCK]
        additive[start : start + BLOCK] = block @ (of_loci @ powers) / loci
        products = np.prod(block[:, sets], axis=2, dtype=block.dtype)
        interaction[start : start + BLOCK] = products @ (of_sets @ powers) / loci
    fitness = 1 - 0.01 * (epsilon * additive + (1 - epsilon) * interaction + offset)
    noise_sd = noise * fitness.std(axis=0)
    phenotypes = fitness + noise_sd * rng.standard_normal(fitness.shape)

    names = [f"{t}C" for t in degrees]
    ceiling: float = 1 / (1 + noise**2)
    return Panel(
        genotypes=genotypes,
        # Rounded so that the last bits of a platform's matrix product do not show.
        phenotypes=np.round(phenotypes, 9),
        strains=names_of_strains,
        phenotype_names=names,
        loci=table.take(balanced),
        noise_ceiling=dict.fromkeys(names, ceiling),
        truth={
            "sets": sets.tolist(),
            "of_loci": of_loci.tolist(),
            "of_sets": of_sets.tolist(),
            "offset": float(offset),
            "noise_sd": noise_sd.tolist(),
        },
    )


def effect_powers(temperatures: str) -> np.ndarray:
    """Return the (3, P) that coefficients a, b and c are multiplied by, for `one` or `eight`."""
    return np.stack([(_degrees(temperatures) - SINGLE) ** k for k in (0, 1, 2)])


def _degrees(temperatures: str) -> np.ndarray:
    return np.array(TEMPERATURES if temperatures == "eight" else (SINGLE,))


def _genotypes_of(panel: Path) -> tuple[np.ndarray, pa.Table, list[str]]:
    """Read genotypes, locus table and strain names of a stored panel."""
    try:
        stored = open_panel(panel)
        genotypes = stored.genotypes
    except (OSError, DamagedPanelError) as error:
        raise DataError(f"data.panel={panel} is not a stored panel ({error}). {STORED}") from None
    if any(
        missing_genotypes(genotypes[start : start + BLOCK]).any()
        for start in range(0, len(genotypes), BLOCK)
    ):
        raise DataError(f"data.panel={panel} has missing genotypes; the formula needs all of them.")
    return genotypes, stored.loci, stored.strains
