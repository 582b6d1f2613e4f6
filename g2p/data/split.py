"""Which strains train, which choose the checkpoint, which are looked at once."""

from typing import Annotated

import numpy as np
from sklearn.model_selection import KFold, train_test_split

from g2p.errors import UserError
from g2p.options import Above, AtLeast, Below, LessThan, Seed

# Rijal et al. 2025 and Arcadia Science 2025: 15% test, then 15% of the rest validation.
HELD_OUT = 0.15

Split = dict[str, np.ndarray]  # "train", "val", "test" -> strain rows, disjoint, none left over


def random(n_strains: int, *, seed: Seed) -> Split:
    """The standard split: scikit-learn's `train_test_split` on the strains in file order, twice.

    Raises:
        UserError: when there are too few strains for three parts.
    """
    rest, test = _held_out(np.arange(n_strains), seed)
    train, val = _held_out(rest, seed)
    return {"train": train, "val": val, "test": test}


def kfold(
    n_strains: int,
    *,
    seed: Seed,
    k: Annotated[int, AtLeast(2)],
    fold: Annotated[int, AtLeast(0), LessThan("k")],
    val_share: Annotated[float, Above(0), Below(1)],
) -> Split:
    """Fold `fold` (from 0) of `k` shuffled folds is the test set.

    `val_share` of the rest is validation; a baseline does not look at it and can do with little.

    Raises:
        UserError: when there are too few strains for so many folds.
    """
    if n_strains < k:
        raise UserError(f"split.k={k}: {n_strains} strains are too few for {k} folds.")
    folds = KFold(n_splits=k, shuffle=True, random_state=seed).split(np.arange(n_strains))
    rest, test = list(folds)[fold]
    train, val = _held_out(rest, seed, val_share)
    return {"train": train, "val": val, "test": test}


def _held_out(
    rows: np.ndarray, seed: int, share: float = HELD_OUT
) -> tuple[np.ndarray, np.ndarray]:
    if len(rows) < 2:
        raise UserError(f"split: {len(rows)} strains are too few to split off {share:.0%} of them.")
    return train_test_split(rows, test_size=share, random_state=seed)
