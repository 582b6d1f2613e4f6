"""Ridge on a run's training strains, with its weights and covariates."""

from weakref import WeakKeyDictionary

import numpy as np

from g2p.baselines.ridge import Ridge
from g2p.data.preprocess import Prepared, only_subset

# A run of ridge is its own reference, and an additive path starts from it: it takes minutes.
_fitted: WeakKeyDictionary[Prepared, Ridge] = WeakKeyDictionary()


def fit_ridge(data: Prepared) -> Ridge:
    """Return ridge fitted to the training strains, weighted where the run weighs them.

    Covariates, whose effects are taken out of the phenotypes, are projected out of the genotypes
    too, which makes the two fits one; with weights the effects stay those without weights.
    """
    if data not in _fitted:
        covariates = None
        if data.covariates is not None and data.weights is None:
            covariates = data.covariates.values
        values = training_values(data)
        _fitted[data] = Ridge().fit(data.genotypes, values, covariates, data.weights)
    return _fitted[data]


def training_values(data: Prepared) -> np.ndarray:
    """Return the standardised phenotypes (N, P), NaN but for training strains.

    A panel that is larger than memory is a map of a file, and its training strains' genotypes are
    no smaller: what is fitted without a copy takes all strains.
    """
    train = data.split["train"]
    values = np.full_like(data.phenotypes, np.nan)
    values[train] = only_subset(data.phenotypes, data.split, "train")[train]
    return values
