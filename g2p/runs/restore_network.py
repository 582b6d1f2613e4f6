"""A network with the weights of a finished run's checkpoint."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch

from g2p.config.run_config import RunConfig
from g2p.models import build_model
from g2p.models.facts import placeholder_facts
from g2p.training.ensemble import Ensemble
from g2p.training.saved_model import SavedModel, damaged


def restore_network(config: RunConfig, saved: SavedModel, file: Path) -> torch.nn.Module:
    """Return the network, or the ensemble of networks, of a run, in the precision of its training.

    Args:
        config: of the run, its model checked.
        saved: content of its checkpoint.
        file: the config's, for messages.

    Raises:
        DamagedRunError: where config and checkpoint do not fit.
    """
    loci, phenotypes = saved.inputs["loci"], saved.inputs["phenotypes"]
    n_loci, n_phenotypes = len(loci["id"]), len(phenotypes)
    chromosome_number = {name: i for i, name in enumerate(dict.fromkeys(loci["chromosome"]))}
    positions = zip(loci["chromosome"], loci["position"], strict=True)
    n_networks = _n_networks(config)
    if n_networks is None:
        raise damaged(file, "its trainer.ensemble is no number of networks", saved.remedy)
    try:
        facts = placeholder_facts(n_loci, n_phenotypes)
        facts["genome_L2"] = torch.tensor([[chromosome_number[c], p] for c, p in positions])
        build = partial(build_model, config.model, **facts)
        model = build() if n_networks == 1 else Ensemble([build() for _ in range(n_networks)])
    except (RuntimeError, TypeError, OverflowError) as error:
        raise damaged(file, str(error).partition("\n")[0], saved.remedy) from None
    kinds = [
        value.dtype for value in saved.weights.values()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
    ]  # fmt: skip
    model.to(kinds[0] if kinds else None)
    saved.fill(model)
    return model


def _n_networks(config: Mapping) -> int | None:
    """Return how many networks a run has; 1 before version 0.2, and None where it is no number."""
    trainer = config.get("trainer")
    number = trainer.get("ensemble", 1) if isinstance(trainer, Mapping) else 1
    is_number = isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 1000
    return number if is_number else None
