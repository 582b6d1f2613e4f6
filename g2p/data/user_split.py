"""The split that a config names: one of `g2p.data.split`, or a function of a user's own.

Such a function is called with `panel` and `columns`, those of the phenotypes that are trained on,
and returns a dict: train, val and test, each the row numbers of its strains.
"""

import numpy as np

from g2p.config.components import construct
from g2p.config.load_component import load_component
from g2p.config.locate import is_dotted
from g2p.config.run_config import Section
from g2p.core.errors import CodeError
from g2p.data import split as splits
from g2p.data.panel import Panel
from g2p.data.split import SUBSETS, Split


def make_split_of(options: Section, panel: Panel, columns: list[int]) -> Split:
    """Return the split `options.name` of a panel.

    Raises:
        CodeError: where a user's function returns none.
        DataError: where the panel does not allow the split.
    """
    if not is_dotted(options.name):
        return getattr(splits, options.name)(panel, columns, **options.options)
    returned = construct(
        load_component(options.name), panel=panel, columns=columns, **options.options
    )
    if problem := _problem(returned, len(panel.strains)):
        raise CodeError(
            f"{options.name} returns {problem}. It must return a dict of train, val and test, each "
            "the row numbers of its strains."
        )
    return Split({subset: np.asarray(returned[subset]) for subset in SUBSETS})


def _problem(split: object, n_strains: int) -> str | None:
    """Return what a function returns instead of a split, or None."""
    if not isinstance(split, dict) or set(split) != set(SUBSETS):
        is_dict = isinstance(split, dict)
        return f"{sorted(map(str, split))}" if is_dict else f"a {type(split).__name__}"
    try:
        rows = [np.asarray(split[subset]) for subset in SUBSETS]
    except ValueError:  # of lists in lists
        return "no lists of row numbers"
    for subset, each in zip(SUBSETS, rows, strict=True):
        if each.ndim != 1 or not len(each) or each.dtype.kind not in "iu":
            return f"a {subset} that is no list of row numbers (type {each.dtype}, {each.shape})"
        if each.min() < 0 or each.max() >= n_strains:
            return f"a {subset} with rows beyond the panel's {n_strains} strains"
    everyone = np.concatenate(rows)
    if len(np.unique(everyone)) < len(everyone):
        return "a strain twice"
    return None
