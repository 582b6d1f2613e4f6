"""Additive effects of a closed form, which a model is built with."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from g2p.baselines import fit_closed_form
from g2p.config.user_components import EFFECTS, closed_forms_of, takes_ranked_loci
from g2p.core.errors import TrainingError
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
    explain, the largest first; loci without an effect by what they explain alone.

    Raises:
        TrainingError: where a phenotype has too few training strains for lasso.
    """
    import torch

    forms = closed_forms_of(model)
    effects = {name: _ridge(data) if name == "ridge" else _lasso(data) for name in forms}
    facts: dict[str, Tensor | tuple] = {
        EFFECTS[name]: tuple(map(torch.tensor, each)) for name, each in effects.items()
    }
    if forms and takes_ranked_loci(model):
        weight, _ = effects[forms[0]]
        variance, alone = _variances(data)
        explained = (weight**2).sum(axis=0) * variance
        facts["ranked_L"] = torch.tensor(np.lexsort([-alone, -explained]))
    return facts


def _variances(data: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance of loci (L,), and what each explains of the phenotypes by itself (L,).

    Of training strains, a block of them at a time.
    """
    genotypes, rows = data.genotypes, data.split["train"]
    y = np.nan_to_num(training_values(data)[rows])  # of mean 0: a missing value adds nothing
    sums, products = np.zeros((2, genotypes.shape[1])), np.zeros((y.shape[1], genotypes.shape[1]))
    for block in blocks_of(len(rows)):
        x = genotypes[rows[block]].astype(np.float64)
        sums += x.sum(axis=0), (x**2).sum(axis=0)
        products += y[block].T @ x
    mean, mean_square = sums / len(rows)
    variance = mean_square - mean**2
    covariance = products / len(rows) - np.outer(y.mean(axis=0), mean)
    varies = variance > 0
    alone = np.divide((covariance**2).sum(axis=0), variance, where=varies, out=0 * variance)
    return variance, alone


def _ridge(data: Prepared) -> Effects:
    ridge = fit_ridge(data)
    return ridge.weight, ridge.offset


def _lasso(data: Prepared) -> Effects:
    """Return effects of `model=lasso`; all training strains count alike."""
    if data not in _fitted:
        rows = data.split["train"]
        genotypes, phenotypes = data.genotypes[rows], training_values(data)[rows]
        try:
            lasso = fit_closed_form(LASSO, genotypes, phenotypes)
        except TrainingError as error:
            raise TrainingError(f"The effects of lasso (model.additive_effects): {error}") from None
        _fitted[data] = np.stack(lasso.state["weight"]), np.array(lasso.state["offset"])
    return _fitted[data]
