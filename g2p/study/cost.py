"""What a run will take, before it is trained: parameters, memory and arithmetic."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from g2p.config import is_baseline
from g2p.models import build_model
from g2p.train.device import resolve_accelerator

# Backward costs twice what forward does.
PASSES = 3
# Of the speed of a plain matrix product, what training reaches: an order of magnitude, no more.
EFFICIENCY = 0.2
# Bytes a parameter: itself, its gradient, and two moments of Adam.
BYTES_A_PARAMETER = 16
# Values of width D kept for the backward pass, a block and token: norms, queries, keys, values, ...
KEPT = 10


@dataclass(frozen=True)
class Cost:
    """Estimates; zeros for a baseline, whose cost is not one of epochs.

    Attributes:
        parameters: of the model.
        memory: bytes, of parameters and activations.
        flops: of training for all epochs, none stopped early.
    """

    parameters: int = 0
    memory: int = 0
    flops: float = 0.0


def cost(config: Mapping, *, n_loci: int, n_phenotypes: int, n_train: int) -> Cost:
    """Of one run; built on torch's meta device, where nothing is computed.

    Args:
        config: of the run.
        n_loci: L, at most: thinning leaves fewer.
        n_phenotypes: P.
        n_train: training strains.
    """
    options = config["model"]
    if is_baseline(options["name"]):
        return Cost()
    if options.get("position") == "genome":  # it looks at the positions, which are not there
        options = {**options, "position": "learned"}
    with torch.device("meta"):
        model = build_model(
            options,
            n_loci=n_loci,
            n_phenotypes=n_phenotypes,
            genome_L2=torch.zeros(n_loci, 2),
            ridge=(torch.zeros(n_phenotypes, n_loci), torch.zeros(n_phenotypes)),
        )
        given = [torch.zeros(1, n_loci)]
        if hasattr(model, "n_environments"):  # in training a strain is seen in one
            given.append(torch.zeros(1, dtype=torch.long))
        with FlopCounterMode(display=False) as counter:
            model(*given)
    parameters = sum(p.numel() for p in model.parameters())
    tokens = config["trainer"]["batch_size"] * n_loci
    width = KEPT * options["embedding_dim"] + 2 * (options.get("ffn", False) and options["ffn_dim"])
    activations = 4 * tokens * options["num_layers"] * width
    epochs = config["trainer"]["max_epochs"]
    return Cost(
        parameters=parameters,
        memory=BYTES_A_PARAMETER * parameters + activations,
        flops=float(PASSES * counter.get_total_flops() * n_train * epochs),
    )


def flops_per_second(accelerator: str) -> float:
    """What training may reach here: a share of a matrix product's speed, measured now."""
    device = resolve_accelerator(accelerator)
    a = torch.randn(1024, 1024, device=device)
    a @ a
    started, products = time.perf_counter(), 0
    while time.perf_counter() - started < 0.2:
        (a @ a).sum().item()
        products += 1
    return EFFICIENCY * 2 * 1024**3 * products / (time.perf_counter() - started)
