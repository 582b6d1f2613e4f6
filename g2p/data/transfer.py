"""Transfer between environments: how many values of the target a run sees (Rijal et al. 2025).

A function for each choice of the config group `transfer`. It takes a panel, the chosen columns and
a function that splits the strains; it returns the phenotypes a run learns from and the columns it
trains on.
"""

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np

from g2p.config.constraints import AtLeast, Seed
from g2p.core.errors import DataError
from g2p.core.phrases import listed, nearest, plural
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
    """Hide all but `observations` values of the target from training and validation strains.

    The test strains keep their values, which are used once, for the final score.

    Args:
        panel, columns: of the run.
        draw: makes its split.
        target: the phenotype with few values.
        observations: m; validation strains get their share of it, rounded down. The m of one seed
            are among those of any larger m. None: all of them.
        method: `joint` trains on all phenotypes at once, the target with its few values; `single`
            on the target alone; `finetuned` trains on the others first, then from those weights on
            the target alone.
        seed: which observations.

    Raises:
        DataError: for a target that is not among the phenotypes, or more observations than it has.
    """
    if target == "all":
        raise DataError("transfer.target=all: it must be one phenotype.")
    (column,) = panel.columns(target, "transfer.target")
    if column not in columns:
        names = [panel.phenotype_names[c] for c in columns]
        raise DataError(
            f"transfer.target={target} is not among the phenotypes of this run "
            f"({listed(names)}).{nearest(target, names)}"
        )
    if len(columns) == 1 and method != "single":
        raise DataError(
            f"transfer.method={method} learns from other phenotypes too, but phenotype={target} "
            "selects none. Use phenotype=all, or transfer.method=single."
        )
    split = draw()
    phenotypes = panel.phenotypes.copy()
    phenotypes[:, column] = np.nan
    revealed = np.concatenate(
        [
            split["test"],
            *_revealed_rows(panel.phenotypes[:, column], split, observations, seed, target),
        ]
    )
    phenotypes[revealed, column] = panel.phenotypes[revealed, column]
    return phenotypes, columns if method == "joint" else [column]


def _revealed_rows(
    values: np.ndarray, split: Split, observations: int | None, seed: int, name: str
) -> list[np.ndarray]:
    """Return the training and the validation strains whose values the run sees."""
    rng = np.random.default_rng(seed)
    pools = [
        rng.permutation(rows[np.isfinite(values[rows])])
        for rows in (np.sort(split["train"]), np.sort(split["val"]))
    ]
    available = sum(len(pool) for pool in pools)
    if observations is None:
        return pools
    if observations > available:
        raise DataError(
            f"transfer.observations={observations}, but '{name}' has {plural(available, 'value')} "
            "among the training and validation strains. null takes them all."
        )
    of_val = observations * len(pools[1]) // available
    return [pools[0][: observations - of_val], pools[1][:of_val]]
