"""Splits: which strains train, which choose the checkpoint, which are scored once.

scikit-learn is imported where it is called: it takes a second, and not every command splits.
"""

import math
from typing import Annotated

import numpy as np

from g2p.config.constraints import Above, AtLeast, Below, LessThan, NeutralAt, Seed
from g2p.core.errors import DataError
from g2p.core.phrases import listed, plural
from g2p.data.nested_subset import nested_subset
from g2p.data.panel import Panel
from g2p.data.strain_facts import strain_facts

# Rijal et al. 2025 and Arcadia Science 2025: 15% test, then 15% of the rest validation.
HELD_OUT = 0.15
SUBSETS = ("train", "val", "test")


class Split(dict[str, np.ndarray]):
    """A dict from each subset (train, val, test) to the rows of its strains in the panel.

    Subsets are disjoint, unless `cells` is set. This array (N, P) int8, strains by all phenotypes
    of the panel, says which subset each single value belongs to, as an index into `SUBSETS`; a
    strain may then be in several subsets.
    """

    def __init__(self, rows: dict[str, np.ndarray], cells: np.ndarray | None = None):
        super().__init__(rows)
        self.cells = cells

    def only(self, mask: np.ndarray, *subsets: str) -> "Split":
        """Return the split with only the strains where `mask`, (N,) bool, is true.

        Of these subsets, or of all; the others stay as they are.
        """
        subsets = subsets or SUBSETS
        rows = {s: rows[mask[rows]] if s in subsets else rows for s, rows in self.items()}
        return Split(rows, self.cells)


def random(
    panel: Panel,
    columns: list[int],
    *,
    seed: Seed,
    n_train: Annotated[int | None, AtLeast(1), NeutralAt(None)],
    test_share: Annotated[float, Above(0), Below(1), NeutralAt(0.15)],
) -> Split:
    """The standard split: scikit-learn's `train_test_split` on the strains in file order, twice.

    New strains in known environments (CV1).

    Args:
        panel, columns: of the run.
        seed: of both.
        n_train: strains to learn from, 15% of them for validation; see `nested_subset`.
        test_share: of the strains.

    Raises:
        DataError: when there are too few strains for three subsets, or other than `n_train`.
    """
    rest, test = _held_out(np.arange(len(panel.strains)), seed, test_share)
    train, val = _held_out(rest, seed)
    if n_train is not None:
        train, val = nested_subset(train, val, _has_value(panel, columns), n_train, HELD_OUT)
    return Split({"train": train, "val": val, "test": test})


def kfold(
    panel: Panel,
    columns: list[int],
    *,
    seed: Seed,
    k: Annotated[int, AtLeast(2)],
    fold: Annotated[int, AtLeast(0), LessThan("k")],
    val_share: Annotated[float, Above(0), Below(1)],
    n_train: Annotated[int | None, AtLeast(1), NeutralAt(None)],
) -> Split:
    """Fold `fold` (from 0) of `k` shuffled folds is the test set.

    `val_share` of the rest is validation; a baseline does not use it, so little is enough.
    `n_train` of the rest are used, `val_share` of them for validation; see `nested_subset`.

    Raises:
        DataError: when there are too few strains for so many folds, or other than `n_train`.
    """
    from sklearn.model_selection import KFold

    n_strains = len(panel.strains)
    if n_strains < k:
        raise DataError(f"split.k={k}: {plural(n_strains, 'strain')}, too few for {k} folds.")
    folds = KFold(n_splits=k, shuffle=True, random_state=seed).split(np.arange(n_strains))
    rest, test = list(folds)[fold]
    train, val = _held_out(rest, seed, val_share)
    if n_train is not None:
        train, val = nested_subset(train, val, _has_value(panel, columns), n_train, val_share)
    return Split({"train": train, "val": val, "test": test})


def group(
    panel: Panel,
    columns: list[int],
    *,
    column: str,
    seed: Seed,
    k: Annotated[int, AtLeast(2)],
    fold: Annotated[int, AtLeast(0), LessThan("k")],
    val_share: Annotated[float, Above(0), Below(1)],
) -> Split:
    """As `kfold`, but whole groups (families, batches, ...) are held out, for validation too.

    With as many folds as groups, each is left out once.

    Args:
        panel, columns: of the run.
        column: of the panel's strain table, the group of each strain.
        seed: of the assignment of groups to folds.
        k, fold, val_share: as in `kfold`; `val_share` of the remaining groups.

    Raises:
        DataError: for a column that does not exist, or fewer groups than folds.
    """
    from sklearn.model_selection import GroupKFold, GroupShuffleSplit

    groups = strain_facts(panel, column)
    n_groups = len(set(groups))
    if n_groups - -(-n_groups // k) < 2:
        raise DataError(
            f"split.k={k}: split.column={column} has {plural(n_groups, 'group')}; without "
            "the test fold, two must remain, to train and to validate on."
        )
    if n_groups < k:
        raise DataError(f"split.k={k}: split.column={column} has only {plural(n_groups, 'group')}.")
    everyone = np.arange(len(groups))
    folds = GroupKFold(n_splits=k, shuffle=True, random_state=seed)
    rest, test = list(folds.split(everyone, groups=groups))[fold]
    n_remaining = len(set(groups[rest]))
    if math.ceil(val_share * n_remaining) >= n_remaining:
        raise DataError(
            f"split.val_share={val_share} takes {plural(n_remaining, 'group')}, and leaves none to "
            "train on."
        )
    inner = GroupShuffleSplit(n_splits=1, test_size=val_share, random_state=seed)
    train, val = next(inner.split(rest, groups=groups[rest]))
    return Split({"train": rest[train], "val": rest[val], "test": test})


def column(
    panel: Panel,
    columns: list[int],
    *,
    column: str,
    test: str | int,
    val: str | int | None,
    seed: Seed,
) -> Split:
    """By a column of the panel's strain table, such as a fold.

    Args:
        panel, columns: of the run.
        column: of the strain table.
        test: its value for test strains.
        val: its value for validation strains; None draws 15% of those that are not test strains.
        seed: of that draw.

    Raises:
        DataError: for a column or a value that does not exist.
    """
    values = strain_facts(panel, column)
    test, val = str(test), None if val is None else str(val)  # a fold may be written 1 or "1"
    if test == val:
        raise DataError(f"split.test and split.val are both {test}: they must differ.")
    for key, value in (("test", test), ("val", val)):
        if value is not None and value not in values:
            raise DataError(
                f"split.{key}={value}: no strain has this value in split.column={column}, which "
                f"has {listed(sorted(set(values)))}."
            )
    if val is None:
        train, drawn = _held_out(np.flatnonzero(values != test), seed)
    else:
        drawn = np.flatnonzero(values == val)
        train = np.flatnonzero((values != test) & (values != val))
    return Split({"train": train, "val": drawn, "test": np.flatnonzero(values == test)})


def published(panel: Panel, columns: list[int]) -> Split:
    """The split published with the panel: train, val and test in its column `split`.

    Raises:
        DataError: when the panel has none.
    """
    if panel.strain_table is None or "split" not in panel.strain_table.column_names:
        raise DataError("split=published: this panel has no published split. Use split=random.")
    values = strain_facts(panel, "split")
    if strange := sorted(set(values) - set(SUBSETS)):
        raise DataError(f"split=published: '{strange[0]}' is not one of {listed(SUBSETS)}.")
    return Split({subset: np.flatnonzero(values == subset) for subset in SUBSETS})


def cv2(panel: Panel, columns: list[int], *, seed: Seed) -> Split:
    """Known strains in new environments: single values are held out, not strains.

    15% of the values are test, 15% of the rest validation, at random; every strain keeps at least
    one phenotype to train on.

    Raises:
        DataError: for a single phenotype.
    """
    if len(columns) < 2:
        raise DataError(
            "split=cv2 holds out environments of known strains; it requires several phenotypes."
        )
    draw = np.random.default_rng(seed).random((len(panel.strains), len(columns)))
    observed = np.isfinite(panel.phenotypes[:, columns])
    keeper = np.where(observed, draw, -1).argmax(axis=1)
    draw[np.arange(len(draw)), keeper] = 1
    val = draw < HELD_OUT + (1 - HELD_OUT) * HELD_OUT
    cells = np.zeros(panel.phenotypes.shape, np.int8)
    cells[:, columns] = np.where(draw < HELD_OUT, 2, np.where(val, 1, 0))
    return Split({subset: np.arange(len(panel.strains)) for subset in SUBSETS}, cells)


def _has_value(panel: Panel, columns: list[int]) -> np.ndarray:
    """Return which strains, (N,) bool, have a value of at least one of these phenotypes."""
    return np.any(np.isfinite(panel.phenotypes[:, columns]), axis=1)


def _held_out(
    rows: np.ndarray, seed: int, share: float = HELD_OUT
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to keep, and a share of them drawn as scikit-learn's train_test_split does.

    Without importing it, which takes a second.
    """
    if not 0 < math.ceil(share * len(rows)) < len(rows):
        raise DataError(
            f"split: {plural(len(rows), 'strain')}, too few to split off {share:.1%} of them."
        )
    order = np.random.RandomState(seed).permutation(len(rows))
    n_drawn = math.ceil(share * len(rows))
    return rows[order[n_drawn:]], rows[order[:n_drawn]]
