"""Fit a model or a baseline: from prepared data to predictions."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import numpy as np

from g2p.baselines import fit_closed_form
from g2p.config.run_config import RunConfig
from g2p.core.nested import map_leaves
from g2p.core.progress import reporting_to
from g2p.data.panel import BLOCK
from g2p.data.preprocess import Prepared
from g2p.hardware.device import reset_peak_memory, resolve_accelerator
from g2p.hardware.energy import energy_meter
from g2p.training.array_checkpoint import save_arrays
from g2p.training.closed_form_effects import effect_facts
from g2p.training.fit_ridge import fit_ridge, training_values
from g2p.training.history import history_row
from g2p.training.metrics import Scores, scores
from g2p.training.progress import OpenBar, SilentProgress

LOG_VARIANCE = "loss.log_variance_P"  # of a Gaussian loss, beside the weights in a checkpoint
OnEpoch = Callable[[list[dict]], None]


@dataclass(frozen=True)
class Fitted:
    """A fitted model: its predictions, (N, L) to standardised (N, P), and its training."""

    predict: Callable[[np.ndarray], np.ndarray]
    rows: list[dict]
    best_epoch: int
    num_parameters: int
    attention: list[dict]  # a layer each (see g2p.models.attention_entropy); none for a baseline
    joules: float | None = None  # energy of the device; None unless it is measured for all epochs
    stacked: bool = False  # trained as one of several stacked models
    noise_variance: np.ndarray | None = None  # (P,) standardised, of a Gaussian loss
    network: Any = None  # its torch.nn.Module; None for a baseline
    members: tuple["Fitted", ...] = ()  # of an ensemble


class FitRequest(NamedTuple):
    """A fit that a run asks for: the arguments of `fit_model`."""

    config: RunConfig
    data: Prepared
    folder: Path
    on_epoch: OnEpoch
    base: Path | None = None
    bar: OpenBar = SilentProgress
    ridge_r2: float | None = None


def fit_model(
    config: RunConfig, data: Prepared, folder: Path, on_epoch: OnEpoch, base: Path | None = None,
    bar: OpenBar = SilentProgress, ridge_r2: float | None = None,
) -> Fitted:  # fmt: skip
    """Fit what the config names, leaving best.ckpt and last.ckpt in `folder`.

    Args:
        config: of the run.
        data: what it learns from.
        folder: for the checkpoints; training resumes from a last.ckpt in it.
        on_epoch: called with the history so far; with several devices in another process.
        base: a checkpoint that a model starts from.
        bar: shows the progress.
        ridge_r2: ridge's mean validation R2 on the same data, below which patience waits (see
            `g2p.training.additive_plateau`); None where it was not computed.
    """
    resumes = is_begun(folder)  # by a process whose joules are lost
    baseline = not config.model.is_trained
    trainer = config.trainer
    accelerator = "cpu" if baseline else resolve_accelerator(trainer.accelerator)
    reset_peak_memory(accelerator)
    with energy_meter(accelerator, trainer.devices) as meter:
        if baseline:
            result = _fit_baseline(config, data, folder, on_epoch, bar)
        elif trainer.ensemble > 1:
            result = _fit_ensemble(config, data, folder, on_epoch, base, bar, ridge_r2)
        else:
            result = _fit_network(config, data, folder, on_epoch, base, bar, ridge_r2)
    return result if resumes else replace(result, joules=meter.joules)


def is_begun(folder: Path) -> bool:
    """Whether a training with its checkpoints in `folder` was killed, and would be resumed."""
    return any(path.exists() for path in (folder / "last.ckpt", folder.parent / "members"))


def score(fitted: Fitted, data: Prepared, part: str) -> tuple[np.ndarray, Scores]:
    """Return predictions (n, P) of one part of the split in original units, and their scores.

    The loss is in standardised units, as in training; R2 and r do not depend on units.
    """
    genotypes, phenotypes = data.subset(part)
    predicted, fixed = fitted.predict(genotypes), data.fixed(part)
    total = predicted if fixed is None else predicted + fixed
    return data.scaler.original(total), scores(predicted, phenotypes, fixed)


def _fit_network(
    config: RunConfig, data: Prepared, folder: Path, on_epoch: OnEpoch, base: Path | None,
    bar: OpenBar, ridge_r2: float | None,
) -> Fitted:  # fmt: skip
    from g2p.training import trainer
    from g2p.training.lightning_module import RegressionModule

    module = RegressionModule(**module_options(config, data, base))
    elsewhere = ("metrics", "schedule", "ensemble")
    options = {key: value for key, value in config.trainer.items() if key not in elsewhere}
    rows = trainer.train(module, data, folder, on_epoch, bar, ridge_r2, **options)
    return load_best_epoch(config, data, folder, module.model, rows)


def _fit_ensemble(
    config: RunConfig, data: Prepared, folder: Path, on_epoch: OnEpoch, base: Path | None,
    bar: OpenBar, ridge_r2: float | None,
) -> Fitted:  # fmt: skip
    from g2p.training.ensemble import fit_ensemble

    n_networks = config.trainer.ensemble

    def fit_member(number: int, member: RunConfig, folder: Path, on_epoch: OnEpoch) -> Fitted:
        its_bar = partial(bar, network=(number + 1, n_networks))
        return _fit_network(member, data, folder, on_epoch, base, its_bar, ridge_r2)

    return fit_ensemble(
        fit_member, config, folder, on_epoch, data.inputs(), ensemble=n_networks
    )  # fmt: skip


def module_options(config: RunConfig, data: Prepared, base: Path | None) -> dict:
    """Return the initial model and how it learns: the arguments of `RegressionModule`."""
    import torch

    from g2p.models import build_model
    from g2p.training.finetune import start_from
    from g2p.training.optimizers import build_optimizer
    from g2p.training.schedules import build_schedule

    torch.manual_seed(config.seed)
    model = build_model(config.model, **_data_facts(config, data))
    if base is not None:
        start_from(model, base, data)
    return {
        "model": model,
        "optimizer": partial(build_optimizer, config.optim),
        "schedule": build_schedule(config.optim, schedule=config.trainer.schedule),
        "seed": config.seed,
        "inputs": data.inputs(),
        "val_scores": partial(scores, fixed=data.fixed("val")),
    }


def load_best_epoch(
    config: RunConfig, data: Prepared, folder: Path, model, rows: list[dict]
) -> Fitted:
    """Load the weights of the best epoch into a trained model; return it with its history."""
    from g2p.training.checkpoints import load_checkpoint
    from g2p.training.inference import attention_sample, measure_attention, predict_standardised

    best = load_checkpoint(folder / "best.ckpt")
    weights = best["state_dict"]
    model.load_state_dict(
        {name.removeprefix("model."): weights[name] for name in weights if name != LOG_VARIANCE}
    )
    # Lightning leaves the model on the CPU; it is scored where it was trained.
    model.to(resolve_accelerator(config.trainer.accelerator))
    return Fitted(
        predict=partial(predict_standardised, model),
        network=model,
        rows=rows,
        best_epoch=best["callbacks"]["Memory"]["best_epoch"],
        num_parameters=sum(p.numel() for p in model.parameters()),
        attention=measure_attention(model, attention_sample(data)),
        noise_variance=np.exp(weights[LOG_VARIANCE].numpy()) if LOG_VARIANCE in weights else None,
    )


def _data_facts(config: RunConfig, data: Prepared) -> dict:
    """Return the arguments of a model that depend on the data."""
    import torch

    return {
        "n_loci": data.genotypes.shape[1],
        "n_phenotypes": len(data.phenotype_names),
        "genome_L2": torch.tensor(data.genome()),
        **effect_facts(config.model, data),
    }


def _fit_baseline(
    config: RunConfig, data: Prepared, folder: Path, on_epoch: OnEpoch, bar: OpenBar
) -> Fitted:
    """Fit a baseline as one epoch, so that its directory has the files of any other run."""
    started = monotonic()
    rows = data.split["train"]
    phenotypes = training_values(data)[rows]
    with bar(0, 0) as progress, reporting_to(progress.advance):
        if config.model.name == "ridge":  # with the data's weights and covariates
            baseline = fit_ridge(data)
        else:
            baseline = fit_closed_form(config.model, data.genotypes[rows], phenotypes)
    blocks = np.array_split(rows, -(-len(rows) // BLOCK))
    predicted = [baseline.predict(data.genotypes[block]) for block in blocks]
    train_loss = scores(np.concatenate(predicted), phenotypes).loss
    genotypes, phenotypes = data.subset("val")
    result = scores(baseline.predict(genotypes), phenotypes, data.fixed("val"))
    rows = [
        history_row(0, None, data.phenotype_names, train_loss, result, None, monotonic() - started)
    ]
    content = {"state_dict": baseline.state, "inputs": data.inputs(), "epoch": 0}
    paths = folder / "best.ckpt", folder / "last.ckpt"
    try:
        save_arrays(content, *paths)
    except TypeError:  # of a user's closed form
        from g2p.training.checkpoints import as_tensor, save_checkpoint

        save_checkpoint(map_leaves(as_tensor, content), *paths)
    on_epoch(rows)
    return Fitted(
        predict=baseline.predict,
        rows=rows,
        best_epoch=0,
        num_parameters=baseline.num_parameters,
        attention=[],
    )
