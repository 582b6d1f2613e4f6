"""Additive effects of a closed form, which a model is built with."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from g2p.baselines import fit_closed_form
from g2p.config.user_components import EFFECTS, closed_form_of
from g2p.data.large_arrays import blocks_of
from g2p.data.preprocess import Prepared
from g2p.training.fit_ridge import fit_ridge, training_values

if TYPE_CHECKING:
    from torch import Tensor

# conf/model/lasso.yaml, as it is shipped; YAML is nothing that training reads.
LASSO = {"name": "lasso", "l1_ratio": 1.0, "folds": 5, "penalties": 30}

Effects = tuple[np.ndarray, np.ndarray]  # (P, L), and offsets (P,)

# Networks of an ensemble are built with the same, which takes minutes on a large panel.
_fitted: WeakKeyDictionary[Prepared, Effects] = WeakKeyDictionary()


def effect_facts(model: Mapping[str, Any], data: Prepared) -> "dict[str, Tensor | tuple]":
    """Return the facts that a model of these options takes of a closed form, if any.

    Those are `ridge` or `lasso_effects`, effects (P, L) and offsets (P,) on the training strains,
    and, for a model that attends to some loci, `ranked_L`: the loci by the variance that these
    explain, the largest first.
    """
    import torch

    name = closed_form_of(model)
    if name is None:
        return {}
    weight, offset = _ridge(data) if name == "ridge" else _lasso(data)
    facts: dict[str, Tensor | tuple] = {EFFECTS[name]: (torch.tensor(weight), torch.tensor(offset))}
    if model.get("attended_loci") is not None:
        explained = (weight**2).sum(axis=0) * _variance(data.genotypes, data.split["train"])
        facts["ranked_L"] = torch.tensor(np.argsort(-explained, kind="stable"))
    return facts


def _variance(genotypes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the variance (L,) of these strains' genotypes, a block of strains at a time."""
    sums = np.zeros((2, genotypes.shape[1]))
    for block in blocks_of(len(rows)):
        x = genotypes[rows[block]].astype(np.float64)
        sums += x.sum(axis=0), (x**2).sum(axis=0)
    mean, mean_square = sums / len(rows)
    return mean_square - mean**2


def _ridge(data: Prepared) -> Effects:
    ridge = fit_ridge(data)
    return ridge.weight, ridge.offset


def _lasso(data: Prepared) -> Effects:
    """Return effects of `model=lasso`; all training strains count alike."""
    if data not in _fitted:
        rows = data.split["train"]
        genotypes, phenotypes = data.genotypes[rows], training_values(data)[rows]
        lasso = fit_closed_form(LASSO, genotypes, phenotypes)
        _fitted[data] = np.stack(lasso.state["weight"]), np.array(lasso.state["offset"])
    return _fitted[data]
