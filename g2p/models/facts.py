"""What a model is built with beside its options: facts of the data (see `g2p.models`)."""

from typing import Any

import torch


def placeholder_facts(n_loci: int, n_phenotypes: int) -> dict[str, Any]:
    """Return facts of the right shape, for what depends on shapes alone.

    That is counting, timing, and a model whose weights and buffers a checkpoint holds.
    """
    effects = torch.ones(n_phenotypes, n_loci), torch.zeros(n_phenotypes)
    return {
        "n_loci": n_loci,
        "n_phenotypes": n_phenotypes,
        "genome_L2": torch.zeros(n_loci, 2),
        "ridge": effects,
        "lasso_effects": effects,
        "ranked_L": torch.arange(n_loci),
    }
