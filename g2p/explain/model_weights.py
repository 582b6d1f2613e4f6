"""What a baseline says of its loci and pairs by itself, beside what flips say."""

from typing import Any

import numpy as np


def locus_weights(name: str, model: Any, n_loci: int) -> np.ndarray | None:
    """Return (L, P) weights of a baseline, standardised units; None where it has none.

    Of `ridge` and `lasso` and the additive terms of `linear_pairwise` a coefficient a code, 0 for a
    locus that was not chosen; of `gbdt` the gain in its splits.
    """
    if name == "ridge":
        return model.weight.T
    if name == "lasso":
        return np.stack(model.state["weight"], axis=1)
    if name == "gbdt":
        import lightgbm

        boosters = (lightgbm.Booster(model_str=text) for text in model.state["trees"])
        return np.stack([b.feature_importance(importance_type="gain") for b in boosters], axis=1)
    if name == "linear_pairwise":
        weights = np.zeros((n_loci, len(model.state["loci"])))
        chosen = zip(model.state["loci"], model.state["weight"], strict=True)
        for column, (loci, weight) in enumerate(chosen):
            weights[loci, column] = weight[: len(loci)]
        return weights
    return None


def pair_weights(name: str, model: Any, pairs: np.ndarray) -> np.ndarray | None:
    """Return (M, P) coefficients of products, 0 where not chosen; None where it has none.

    Args:
        name, model: of the baseline.
        pairs: (M, 2) loci, the first of each before the second.
    """
    if name != "linear_pairwise":
        return None
    row = {tuple(pair): i for i, pair in enumerate(pairs.tolist())}
    weights = np.zeros((len(pairs), len(model.state["pairs"])))
    chosen = zip(*(model.state[key] for key in ("loci", "pairs", "weight")), strict=True)
    for column, (loci, chosen_pairs, weight) in enumerate(chosen):
        for pair, value in zip(np.sort(chosen_pairs).tolist(), weight[len(loci) :], strict=True):
            if tuple(pair) in row:
                weights[row[tuple(pair)], column] = value
    return weights
