"""Transfer between environments: how much a run may know of its target (Rijal et al. 2025).

A function for each choice of the config group `transfer`: from a panel, the chosen columns and a
call that splits the strains to the phenotypes a run may learn from and the columns it trains on.
"""

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np

from g2p.config.constraints import AtLeast, Seed
from g2p.core.errors import UserError, listed, nearest, plural
from g2p.data.panel import Panel
from g2p.data.split import Split


def none(
    panel: Panel, columns: list[int], draw: Callable[[], Split]
) -> tuple[np.ndarray, list[int]]:
    """Every phenotype as the panel has it."""
    return panel.phenotypes, columns


def target(
    panel: Panel,
    columns: list[int],
    draw: Callable[[], Split],
    *,
    target: str,
    observations: Annotated[int | None, AtLeast(2)],
    method: Literal["joint", "finetuned", "single"],
    seed: Seed,
) -> tuple[np.ndarray, list[int]]:
    """All but `observations` values of the target hidden, from training and validation strains.

    The test strains keep their values, which are looked at once, as ever.

    Args:
        panel, columns: of the run.
        draw: makes its split.
        target: the phenotype of which little is known.
        observations: m; validation strains get their share of it, rounded down. The m of one seed
            are among those of any larger m. None: all there are.
        method: `joint` trains on all phenotypes at once, the target with its few values; `single`
            on the target alone; `finetuned` trains on the others first and goes on from there on
            the target alone.
        seed: which observations.

    Raises:
        UserError: for a target that is not among the phenotypes, or more observations than it has.
    """
    if target == "all":
        raise UserError("transfer.target=all: it must be one phenotype.")
    (column,) = panel.columns(target, "transfer.target")
    if column not in columns:
        names = [panel.phenotype_names[c] for c in columns]
        raise UserError(
            f"transfer.target={target} is not among the phenotypes of this run "
            f"({listed(names)}).{nearest(target, names)}"
        )
    if len(columns) == 1 and method != "single":
        raise UserError(
            f"transfer.method={method} learns from other phenotypes too, but phenotype={target} "
            "names none. Use phenotype=all, or transfer.method=single."
        )
    split = draw()
    phenotypes = panel.phenotypes.copy()
    phenotypes[:, column] = np.nan
    known = np.concatenate(
        [split["test"], *_known(panel.phenotypes[:, column], split, observations, seed, target)]
    )
    phenotypes[known, column] = panel.phenotypes[known, column]
    return phenotypes, columns if method == "joint" else [column]


def _known(
    values: np.ndarray, split: Split, observations: int | None, seed: int, name: str
) -> list[np.ndarray]:
    """The training and the validation strains whose values are known."""
    rng = np.random.default_rng(seed)
    pools = [
        rng.permutation(rows[np.isfinite(values[rows])])
        for rows in (np.sort(split["train"]), np.sort(split["val"]))
    ]
    there = sum(len(pool) for pool in pools)
    if observations is None:
        return pools
    if observations > there:
        raise UserError(
            f"transfer.observations={observations}, but '{name}' has {plural(there, 'value')} "
            "among the training and validation strains. null takes them all."
        )
    of_val = observations * len(pools[1]) // there
    return [pools[0][: observations - of_val], pools[1][:of_val]]
