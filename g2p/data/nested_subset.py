"""A given number of strains to learn from, nested: for learning curves."""

import math

import numpy as np

from g2p.core.errors import DataError

FEWEST = 2  # strains to train on, and to validate on: R2 needs two


def nested_subset(
    train: np.ndarray, val: np.ndarray, has_value: np.ndarray, n_train: int, val_share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the training and validation strains among `n_train` strains to learn from.

    Each of the two is part of that for any larger number, and of all.

    Args:
        train, val: rows of all training and validation strains, in random order.
        has_value: (N,) bool, the strains that count: those with a phenotype to learn from. The
            others are left out.
        n_train: training and validation strains together.
        val_share: of them that are for validation, rounded up, or as near to it as there are
            strains left.

    Raises:
        DataError: for more strains than there are, and for too few to train or validate on.
    """
    train, val = (rows[has_value[rows]] for rows in (train, val))
    if n_train > len(train) + len(val):
        raise DataError(
            f"split.n_train={n_train} is more than the strains outside the test set that have a "
            f"phenotype to learn from, {len(train) + len(val)}. split.n_train=null uses all."
        )
    n_val = max(min(math.ceil(val_share * n_train), len(val)), n_train - len(train))
    if min(n_val, n_train - n_val) < FEWEST:
        raise DataError(
            f"split.n_train={n_train} is too few: {n_train - n_val} to train and {n_val} to "
            f"validate on, which are part of them. Both must be at least {FEWEST}."
        )
    return train[: n_train - n_val], val[:n_val]
