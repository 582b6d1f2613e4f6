"""The arithmetic of training, counted without computing anything.

A model is built on torch's meta device, where attention is taken apart into its products, and each
product of its forward pass is counted; so what is counted does not depend on the kernels of a
device.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from g2p.config.locate import is_dotted
from g2p.config.run_config import RunConfig
from g2p.models import build_model
from g2p.models.facts import placeholder_facts

# Backward costs twice what forward does.
PASSES = 3


@dataclass(frozen=True)
class Size:
    """A model's number of parameters, and the FLOPs of its forward pass for one strain.

    0 and None for a user's model that cannot be built without data.
    """

    parameters: int
    forward: int | None


_cached: dict[tuple, Size] = {}  # the runs of a study have few different models


def model_size(options: Mapping, *, n_loci: int, n_phenotypes: int) -> Size:
    """Return the size of the model of these options, at L loci and P phenotypes."""
    key = repr(options), n_loci, n_phenotypes
    if key not in _cached:
        try:
            _cached[key] = _count_size(options, n_loci, n_phenotypes)
        except Exception:  # whatever a user's code does on torch's meta device
            if not is_dotted(options["name"]):
                raise
            _cached[key] = Size(0, None)
    return _cached[key]


def _count_size(options: Mapping, n_loci: int, n_phenotypes: int) -> Size:
    if options.get("position") == "genome" and not is_dotted(
        options["name"]
    ):  # it needs positions, which do not change the count
        options = {**options, "position": "learned"}
    with torch.device("meta"):
        model = build_model(options, **placeholder_facts(n_loci, n_phenotypes))
        inputs = [torch.zeros(1, n_loci)]
        if hasattr(model, "n_environments"):  # in training a strain is seen in one
            inputs.append(torch.zeros(1, dtype=torch.long))
        with FlopCounterMode(display=False) as counter:
            model(*inputs)
    parameters = sum(p.numel() for p in model.parameters())
    return Size(parameters, counter.get_total_flops())


def training_flops(
    config: RunConfig, *, n_loci: int, n_phenotypes: int, n_train: int, epochs: int
) -> float | None:
    """Count a network's forward and backward passes; None where they cannot be counted.

    Validation, testing and the optimizer's steps are not counted.

    Args:
        config: of the run.
        n_loci: L that the model sees.
        n_phenotypes: P.
        n_train: training strains.
        epochs: that were trained.
    """
    forward = model_size(config.model, n_loci=n_loci, n_phenotypes=n_phenotypes).forward
    if forward is None:
        return None
    trainer = config.trainer
    strains = n_train - n_train % trainer.batch_size if trainer.drop_last else n_train
    return float(PASSES * forward * strains * epochs)
