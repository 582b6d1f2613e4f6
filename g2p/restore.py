"""A finished run's model, ready to predict; nothing that the run's directory holds is executed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import yaml

from g2p.baselines import build_baseline
from g2p.config import is_baseline
from g2p.errors import UserError
from g2p.models import build_model
from g2p.results.record import Record
from g2p.train.checkpoints import load_checkpoint
from g2p.train.device import resolve_accelerator
from g2p.train.predict import predict


@dataclass(frozen=True, eq=False)
class Restored:
    """A fitted model and what it was fitted on.

    Attributes:
        name: of the model.
        predict: genotypes (N, L) to standardised phenotypes (N, P), float64.
        loci: the locus table it expects, as lists by column.
        mean_genotype: (L,), of the training strains.
        phenotypes: the P names.
        mean, sd: (P,), from standardised to original units.
    """

    name: str
    predict: Callable[[np.ndarray], np.ndarray]
    loci: dict[str, list]
    mean_genotype: np.ndarray
    phenotypes: list[str]
    mean: np.ndarray
    sd: np.ndarray


def restore(record: Record, accelerator: str) -> Restored:
    """The checkpoint of the run that was chosen on validation.

    Raises:
        UserError: when the run is not there, not finished, or damaged.
    """
    if not record.finished:
        raise UserError(f"{record.folder} is no finished run (it has no metrics.json).")
    try:
        config = yaml.safe_load((record.folder / "config.yaml").read_text())["model"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        raise UserError(f"{record.folder / 'config.yaml'} is damaged or gone.") from None
    checkpoint = load_checkpoint(record.checkpoints / "best.ckpt")
    inputs = checkpoint["inputs"]
    if is_baseline(config["name"]):
        predictor = build_baseline(config).load(_arrays(checkpoint["state_dict"])).predict
    else:
        model = _network(config, checkpoint["state_dict"], inputs)
        model.to(resolve_accelerator(accelerator))
        predictor = partial(predict, model)
    return Restored(
        name=config["name"],
        predict=predictor,
        loci=inputs["loci"],
        mean_genotype=np.array(inputs["mean_genotype"]),
        phenotypes=inputs["phenotypes"],
        mean=np.array(inputs["mean"]),
        sd=np.array(inputs["sd"]),
    )


def _network(config: dict, weights: dict, inputs: dict) -> torch.nn.Module:
    n_loci, n_phenotypes = len(inputs["loci"]["id"]), len(inputs["phenotypes"])
    chromosomes = list(dict.fromkeys(inputs["loci"]["chromosome"]))
    places = zip(inputs["loci"]["chromosome"], inputs["loci"]["position"], strict=True)
    model = build_model(
        config,
        n_loci=n_loci,
        n_phenotypes=n_phenotypes,
        genome_L2=torch.tensor([[chromosomes.index(c), p] for c, p in places]),
        # Of the right shape: the checkpoint holds the solution itself.
        ridge=(torch.zeros(n_phenotypes, n_loci), torch.zeros(n_phenotypes)),
    )
    own = {name.removeprefix("model."): tensor for name, tensor in weights.items()}
    model.to(next(iter(own.values())).dtype).load_state_dict(own)
    return model


def _arrays(value):
    """A baseline's state as it was before it became a checkpoint."""
    if isinstance(value, dict):
        return {key: _arrays(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_arrays(item) for item in value]
    return value.numpy() if isinstance(value, torch.Tensor) else value
