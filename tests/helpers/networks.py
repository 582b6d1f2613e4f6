"""Networks that tests of several packages build."""

import torch

from g2p.config.registry import choices, is_baseline
from g2p.models.transformer import Transformer

NETWORKS = [name for name in choices("model") if not is_baseline(name)]
OPTIONS = {
    "num_layers": 2, "embedding_dim": 12, "num_heads": 3, "ffn": True, "ffn_dim": 20, "skip": True,
    "layer_norm": True, "scaled": True, "dropout": 0.0, "init_scale": 1.0,
    "position": "none", "additive": False, "additive_effects": "ridge", "attended_loci": None,
}  # fmt: skip


def transformer(**changes) -> Transformer:
    torch.manual_seed(0)
    return Transformer(n_loci=7, n_phenotypes=4, **{**OPTIONS, **changes})
