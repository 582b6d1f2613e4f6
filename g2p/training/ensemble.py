"""A seed ensemble: networks of one config, each of a seed of its own, that predict together.

Their mean prediction has a smaller error than they have on average, the more so the less their
errors agree (Krogh and Vedelsby 1995; for networks that differ in initialisation and order of
batches alone, Lakshminarayanan, Pritzel and Blundell 2017).
"""

import gc
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
from torch import Tensor, nn

from g2p.config.constraints import AtLeast, AtMost, NeutralAt
from g2p.config.run_config import RunConfig
from g2p.training.checkpoints import save_checkpoint
from g2p.training.inference import predict_standardised

if TYPE_CHECKING:
    from g2p.training.fit import Fitted, OnEpoch


class Ensemble(nn.Module):
    """The mean prediction of networks on the same loci and phenotypes."""

    def __init__(self, networks: Sequence[nn.Module]):
        super().__init__()
        self.members = nn.ModuleList(networks)

    def forward(self, genotype_BL: Tensor) -> Tensor:
        """Return the mean (B, P) for genotypes (B, L)."""
        return torch.stack([member(genotype_BL) for member in self.members]).mean(dim=0)


def networks_of(model: nn.Module) -> list[nn.Module]:
    """Return the networks of an ensemble, or a network by itself."""
    return list(model.members) if isinstance(model, Ensemble) else [model]


def member_seed(seed: int, number: int) -> int:
    """Return a member's seed; the first has the run's, so that it is the run without an ensemble.

    The others are no other run's seeds: replicates with seeds 0, 1, 2 share no network.
    """
    if number == 0:
        return seed
    return int(np.random.SeedSequence((seed, number)).generate_state(1)[0])


def fit_ensemble(
    fit_member: Callable[[int, RunConfig, Path, "OnEpoch"], "Fitted"], config: RunConfig,
    folder: Path, on_epoch: "OnEpoch", inputs: dict, *,
    ensemble: Annotated[int, AtLeast(1), AtMost(1000), NeutralAt(1)],
) -> "Fitted":  # fmt: skip
    """Fit the members one after another; leave the weights of all in best.ckpt in `folder`.

    The history has their epochs one after another, `member` saying whose. Best epoch and attention
    are the first's.

    Args:
        fit_member: fits the member of a number, from 0, and of a config, with checkpoints in a
            folder; called again after a kill, it resumes from these.
        config: of the run.
        folder: of the run's checkpoints; its members have theirs beside it.
        on_epoch: called with the history so far.
        inputs: of the data, for the checkpoint.
        ensemble: number of members.
    """
    members: list[Fitted] = []
    rows: list[dict] = []
    for number in range(ensemble):
        member = config.replace(seed=member_seed(config.seed, number))
        member_folder = folder.parent / "members" / str(number)
        fitted = fit_member(number, member, member_folder, partial(_after, on_epoch, number, rows))
        members.append(fitted)
        gc.collect()  # Lightning's trainer holds a copy of the data, and is part of a cycle
        rows = _continued(number, rows, fitted.rows)
    network = Ensemble([fitted.network for fitted in members])
    weights = {f"model.{name}": value for name, value in network.state_dict().items()}
    save_checkpoint({"state_dict": weights, "inputs": inputs, "epoch": 0}, folder / "best.ckpt")
    variances = [m.noise_variance for m in members if m.noise_variance is not None]
    return replace(
        members[0],
        network=network,
        predict=partial(predict_standardised, network),
        rows=rows,
        num_parameters=sum(fitted.num_parameters for fitted in members),
        noise_variance=np.mean(variances, axis=0) if variances else None,
        members=tuple(members),
    )


def _after(on_epoch: "OnEpoch", number: int, earlier: list[dict], rows: list[dict]) -> None:
    """Pass on a member's history; no closure, since with several devices it is pickled."""
    on_epoch(_continued(number, earlier, rows))


def _continued(number: int, earlier: list[dict], rows: list[dict]) -> list[dict]:
    """Return a history that goes on with a member's: its epochs and updates count on."""
    epochs, updates = len(earlier), earlier[-1]["updates"] if earlier else 0
    return [
        *earlier,
        *(
            row
            | {"epoch": row["epoch"] + epochs, "updates": row["updates"] + updates}
            | {"member": number}
            for row in rows
        ),
    ]
