"""Additive effects of a closed form, which a model is built with."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from g2p.baselines import fit_closed_form
from g2p.config.user_components import EFFECTS, closed_form_of
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
        variance = data.genotypes[data.split["train"]].var(axis=0, dtype=np.float64)
        explained = (weight**2).sum(axis=0) * variance
        facts["ranked_L"] = torch.tensor(np.argsort(-explained, kind="stable"))
    return facts


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
