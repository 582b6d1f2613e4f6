"""Gradient-boosted trees (LightGBM, Ke et al. 2017): any interaction, by greedy search."""

from typing import Annotated

import numpy as np

from g2p.baselines.per_phenotype import PerPhenotype, Predictor
from g2p.config.constraints import Above, AtLeast, AtMost, Seed
from g2p.core.progress import report


class GBDT(PerPhenotype):
    """Many small trees, each on a sample of strains and loci.

    Args:
        trees: boosting rounds.
        learning_rate: what each tree's values are multiplied by.
        leaves: at most, of a tree.
        min_strains: at least, in a leaf.
        share_of_loci: looked at for a tree.
        share_of_strains: used for a tree.
        seed: of both samples.
    """

    def __init__(
        self,
        *,
        trees: Annotated[int, AtLeast(1)],
        learning_rate: Annotated[float, Above(0), AtMost(1)],
        leaves: Annotated[int, AtLeast(2)],
        min_strains: Annotated[int, AtLeast(1)],
        share_of_loci: Annotated[float, Above(0), AtMost(1)],
        share_of_strains: Annotated[float, Above(0), AtMost(1)],
        seed: Seed,
    ):
        self.trees = trees
        self.options = {
            "learning_rate": learning_rate, "num_leaves": leaves, "min_data_in_leaf": min_strains,
            "feature_fraction": share_of_loci, "bagging_fraction": share_of_strains,
            "bagging_freq": 1, "seed": seed, "deterministic": True, "force_row_wise": True,
            "verbosity": -1, "objective": "regression",
        }  # fmt: skip

    def fit_one(self, X: np.ndarray, y: np.ndarray) -> dict:
        import lightgbm  # half a second that other models do not pay

        booster = lightgbm.train(
            self.options, lightgbm.Dataset(X, y), self.trees,
            callbacks=[lambda env: report((env.iteration + 1) / self.trees)],
        )  # fmt: skip
        return {"trees": booster.model_to_string()}

    def predictor(self, state: dict) -> Predictor:
        import lightgbm

        # Of arrays it makes arrays.
        return lightgbm.Booster(model_str=state["trees"]).predict  # pyright: ignore[reportReturnType]
