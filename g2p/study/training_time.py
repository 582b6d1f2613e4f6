"""How long a run will train: an update of the optimizer is timed here, on random genotypes.

Nothing else tells: a small model reaches a hundredth of the speed of a matrix product, a large one
a half.
"""

import os
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import torch

from g2p.config.locate import is_dotted
from g2p.config.run_config import RunConfig
from g2p.core.errors import G2PError
from g2p.hardware.device import resolve_accelerator
from g2p.models import build_model
from g2p.models.facts import placeholder_facts
from g2p.study.sizes import Sizes
from g2p.training.budget import count_epochs, count_updates
from g2p.training.loss import masked_mse
from g2p.training.optimizers import build_optimizer

LEAST_UPDATES, LEAST_SECONDS = 5, 0.1  # of what is timed
# A few strains are timed first. Where these take so long, a whole batch is in proportion.
FEW_STRAINS, LONG_SECONDS = 8, 0.25
FORWARD_SHARE = 1 / 3  # of an update: the backward pass costs twice what the forward pass does
EPOCH_SECONDS = 0.03  # of scores, history and checkpoints, whatever the model


class Update(NamedTuple):
    """Seconds of an update, and samples of a strain: its phenotypes where each is one."""

    seconds: float
    samples: int


_cached: dict[str, Update | None] = {}  # the runs of a study have few different models


def training_seconds(config: RunConfig, sizes: Sizes) -> float | None:
    """Estimate the seconds of a network's training if patience does not end it.

    None where the device is not of this machine, or a user's model cannot be built without data.

    Args:
        config: of the run.
        sizes: of what it learns from.
    """
    n_loci, n_phenotypes, n_train, n_val, _ = sizes
    update = _measured_update(config, n_loci, n_phenotypes)
    if update is None:
        return None
    trainer = config.trainer
    batch = {"batch_size": trainer.batch_size, "drop_last": trainer.drop_last}
    updates = count_updates(update.samples * n_train, **batch)
    validation = FORWARD_SHARE * update.seconds * update.samples * n_val / trainer.batch_size
    epochs = count_epochs(trainer.max_epochs, trainer.max_updates, max(1, updates))
    each = epochs * (updates * update.seconds + validation + EPOCH_SECONDS)
    return trainer.ensemble * each


def use_threads(runs_at_once: int) -> None:
    """Time with the threads that each of several runs on this machine will have.

    Joblib divides the cores among its processes unless OMP_NUM_THREADS says otherwise.
    """
    if runs_at_once > 1 and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // runs_at_once))


def _measured_update(config: RunConfig, n_loci: int, n_phenotypes: int) -> Update | None:
    trainer = config.trainer
    facts = (n_loci, n_phenotypes, trainer.batch_size, trainer.precision, trainer.accelerator)
    key = repr((config.model, config.optim.name, facts))
    if key not in _cached:
        try:
            _cached[key] = _time_update(config, n_loci, n_phenotypes)
        except G2PError:  # no such device here
            _cached[key] = None
        except Exception:  # of a user's model, which may need real data
            if not is_dotted(config.model.name):
                raise
            _cached[key] = None
    return _cached[key]


def _time_update(config: RunConfig, n_loci: int, n_phenotypes: int) -> Update:
    device = torch.device(resolve_accelerator(config.trainer.accelerator))
    dtype = torch.float64 if config.trainer.precision == "64-true" else torch.float32
    model = build_model(
        config.model, **placeholder_facts(n_loci, n_phenotypes)
    ).to(device, dtype)  # fmt: skip
    optimizer = build_optimizer(config.optim, model.parameters())
    mixed = torch.autocast(
        device.type, torch.bfloat16, enabled=config.trainer.precision == "bf16-mixed"
    )

    in_environments = hasattr(model, "n_environments")  # in training a strain is seen in one
    samples = n_phenotypes if in_environments else 1

    def update(n_strains: int) -> Callable[[], None]:
        genotype_BL = torch.randint(0, 2, (n_strains, n_loci), device=device).to(dtype) * 2 - 1
        phenotype_BP = torch.randn(n_strains, n_phenotypes, device=device, dtype=dtype)
        n_observed = torch.tensor(n_strains, device=device)
        inputs = [genotype_BL]
        if in_environments:
            inputs.append(torch.zeros(n_strains, dtype=torch.long, device=device))
            phenotype_BP = phenotype_BP[:, :1]

        def step() -> None:
            optimizer.zero_grad()
            with mixed:
                predicted = model(*inputs)
            masked_mse(predicted, phenotype_BP, n_observed).backward()
            optimizer.step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)

        return step

    batch_size = config.trainer.batch_size
    few = min(FEW_STRAINS, batch_size)
    seconds = _median_seconds(update(few), least_updates=1, least_seconds=0.0)
    if seconds > LONG_SECONDS:
        return Update(seconds * batch_size / few, samples)
    return Update(_median_seconds(update(batch_size), LEAST_UPDATES, LEAST_SECONDS), samples)


def _median_seconds(step: Callable[[], None], least_updates: int, least_seconds: float) -> float:
    """Return the median of a step's seconds, after one that is not counted."""
    step()
    each: list[float] = []
    while len(each) < least_updates or sum(each) < least_seconds:
        started = time.perf_counter()
        step()
        each.append(time.perf_counter() - started)
    return median(each)
