"""Train one run: from prepared data to a directory with all its results."""

import math
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from g2p.config.run_config import RunConfig
from g2p.data.preprocess import Prepared, only_subset
from g2p.hardware.device import device_name, peak_device_memory
from g2p.runs.directory import RunDirectory
from g2p.runs.environment import environment
from g2p.runs.figures import draw_run
from g2p.runs.progress_bar import ProgressBar
from g2p.tracking import wandb_tracker as trackers
from g2p.tracking.group import Group
from g2p.training.additive_plateau import find_escape, on_plateau
from g2p.training.fit import FitRequest, Fitted, score
from g2p.training.flops import training_flops
from g2p.training.user_metrics import user_scores

Result = TypeVar("Result")
# A run yields a request for a fit and receives the fitted model from whoever drives it: one run, or
# several at once. At its end it returns a result.
Steps = Generator[FitRequest, Fitted, Result]


def training_steps(
    config: RunConfig, directory: RunDirectory, data: Prepared, base: Path | None,
    ridge: dict | None, noise_ceiling: Mapping[str, float], accelerator: str, provenance: Mapping,
    group: Group | None, check_directory: Callable[[], None],
) -> Steps[None]:  # fmt: skip
    """Write the results of a run that is not finished; metrics.json, which marks it finished, last.

    Args:
        config: of the run.
        directory: its directory, whose lock this process has.
        data: prepared.
        base: a checkpoint to start from.
        ridge: scores of ridge on the same data, stored with its metrics.
        noise_ceiling: by phenotype, of those that have one.
        accelerator: `cpu` or `cuda`.
        provenance: what the run's signature covers beside the config.
        group: of the multirun or study it belongs to, for the tracker.
        check_directory: raises when the directory is no longer the one that this process locked.
    """
    started = time.monotonic()
    name = directory.folder.name
    resumed = (directory.checkpoints / "last.ckpt").exists()
    tracking = getattr(trackers, f"{config.logger.name}_tracker")
    with tracking(config, name, group, **config.logger.options) as tracker:

        def on_epoch(rows: list[dict]) -> None:
            check_directory()
            directory.write_history(rows)
            tracker.epochs(rows)

        # Several devices train in other processes, which write the file; the tracker follows later.
        has_processes = config.model.is_trained and config.trainer.devices > 1
        callback = directory.write_history if has_processes else on_epoch
        _check_metrics(config, data)
        ridge_r2: float | None = ridge["val"]["r2_mean"] if ridge else None
        fitted = yield FitRequest(
            config, data, directory.checkpoints, callback, base, ProgressBar, ridge_r2
        )
        on_epoch(fitted.rows)
        metrics = _evaluate(config, directory, data, fitted, ridge_r2)
        metrics["ridge"] = ridge
        metrics["noise_ceiling"] = {
            p: noise_ceiling[p] for p in data.phenotype_names if p in noise_ceiling
        }
        figures = draw_run(directory, metrics)
        seconds = time.monotonic() - started
        directory.write_environment(
            environment(
                provenance=provenance,
                device=device_name(accelerator),
                threads=torch.get_num_threads(),
                stacked=fitted.stacked,
                resumed=resumed,
                seconds=seconds,
                device_memory=peak_device_memory(accelerator, config.trainer.devices),
                energy=fitted.joules,
            )
        )
        tracker.result(metrics, figures, directory.checkpoints / "best.ckpt")
        check_directory()
        directory.write_metrics(metrics)


def _check_metrics(config: RunConfig, data: Prepared) -> None:
    """Call a user's metrics once before hours of training, on values of the training strains."""
    values = only_subset(data.observed, data.split, "train")[data.split["train"]]
    user_scores(values, values, data.phenotype_names, metrics=config.trainer.metrics)


def _evaluate(
    config: RunConfig, directory: RunDirectory, data: Prepared, fitted: Fitted,
    ridge_r2: float | None,
) -> dict:  # fmt: skip
    """Score the chosen checkpoint on val and, only here, on test; write its predictions."""
    metrics = {
        "signature": directory.folder.name,
        "model": config.model.name,
        "seed": config.seed,
        "best_epoch": fitted.best_epoch,
        "epochs": len(fitted.rows),
        "updates": fitted.rows[-1]["updates"],
        "seconds": sum(row["seconds"] for row in fitted.rows),
        "num_parameters": fitted.num_parameters,
        "flops": training_flops(
            config,
            n_loci=len(data.loci),
            n_phenotypes=len(data.phenotype_names),
            n_train=len(data.split["train"]),
            epochs=len(fitted.rows),
        ),
    }
    learned = only_subset(data.phenotypes, data.split, "train")[data.split["train"]]
    n_train = np.isfinite(learned).sum(axis=0).tolist()
    metrics["n_train"] = dict(zip(data.phenotype_names, n_train, strict=True))
    if fitted.attention:
        metrics["attention"] = fitted.attention
    predicted, observed = {}, {}
    for subset in ("val", "test"):
        predicted[subset], result = score(fitted, data, subset)
        observed[subset] = only_subset(data.observed, data.split, subset)[data.split[subset]]
        metrics[subset] = result.named(data.phenotype_names) | user_scores(
            predicted[subset],
            observed[subset],
            data.phenotype_names,
            metrics=config.trainer.metrics,
        )
    if config.model.is_trained:
        val_r2 = math.nan if metrics["val"]["r2_mean"] is None else metrics["val"]["r2_mean"]
        metrics["plateau"] = on_plateau(val_r2, ridge_r2, fitted.attention)
        metrics["escape"] = find_escape(fitted.rows, ridge_r2)
    directory.write_predictions(data.strains, data.phenotype_names, data.split, observed, predicted)
    return metrics
