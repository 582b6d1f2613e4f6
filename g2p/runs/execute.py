"""One run that is trained: what its fit needs, and what is written once it is fitted."""

import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from g2p.config.run_config import RunConfig
from g2p.core.errors import TrainingError
from g2p.data.preprocess import Prepared, only_subset
from g2p.hardware.device import device_name, n_threads, peak_device_memory
from g2p.runs.directory import RunDirectory
from g2p.runs.environment import environment
from g2p.runs.figures import draw_run
from g2p.runs.progress_bar import ProgressBar
from g2p.runs.resolve import ResolvedRun
from g2p.tracking.tracker import Tracker
from g2p.training.additive_plateau import find_escape, on_plateau
from g2p.training.covariates import covariate_scores
from g2p.training.fit import FitRequest, Fitted, is_begun, score
from g2p.training.metrics import plain
from g2p.training.user_metrics import user_scores


def _write_epoch(
    directory: RunDirectory, tracker: Tracker, check_directory: Callable[[], None],
    rows: list[dict],
) -> None:  # fmt: skip
    """Write and track the history after an epoch.

    No method of the run, whose data it would hold: Lightning's trainer, which is freed late, keeps
    this.
    """
    check_directory()
    directory.write_history(rows)
    tracker.epochs(rows)


class TrainingRun:
    """A run that this process trains, under its lock: the fit's request, and what is written of it.

    Args:
        config: of the run.
        resolved: its identity.
        data: prepared.
        base: a checkpoint to start from.
        ridge: scores of ridge on the same data, stored with its metrics.
        tracker: receives epochs and results.
        check_directory: raises when the directory is no longer the one that this process locked.
    """

    def __init__(
        self, config: RunConfig, resolved: ResolvedRun, data: Prepared, base: Path | None,
        ridge: dict | None, tracker: Tracker, check_directory: Callable[[], None],
    ):  # fmt: skip
        self.config, self.resolved, self.data, self.ridge = config, resolved, data, ridge
        self.directory = resolved.directory
        self.base, self.tracker, self.check_directory = base, tracker, check_directory
        self.on_epoch = partial(_write_epoch, self.directory, tracker, check_directory)
        self.started = time.monotonic()
        self.resumed = is_begun(self.directory.checkpoints)
        self.ridge_r2: float | None = ridge["val"]["r2_mean"] if ridge else None

    @property
    def request(self) -> FitRequest:
        """The fit that the run asks for."""
        # Several devices train in other processes, which write the file; the tracker follows later.
        has_processes = self.config.model.is_trained and self.config.trainer.devices > 1
        on_epoch = self.directory.write_history if has_processes else self.on_epoch
        return FitRequest(
            self.config, self.data, self.directory.checkpoints, on_epoch, self.base, ProgressBar,
            self.ridge_r2,
        )  # fmt: skip

    def finish(self, fitted: Fitted) -> None:
        """Score the fitted model and write the results; metrics.json, which marks the end, last."""
        self.on_epoch(fitted.rows)
        metrics = _evaluate(self.config, self.directory, self.data, fitted, self.ridge_r2)
        ceiling = self.resolved.panel.noise_ceiling
        metrics["ridge"] = self.ridge
        metrics["noise_ceiling"] = {
            p: ceiling[p] for p in self.data.phenotype_names if p in ceiling
        }
        figures = draw_run(self.directory, metrics)
        accelerator = self.resolved.accelerator
        self.directory.write_environment(
            environment(
                provenance=self.resolved.provenance,
                device=device_name(accelerator),
                threads=n_threads(is_network=self.config.model.is_trained),
                stacked=fitted.stacked,
                resumed=self.resumed,
                seconds=time.monotonic() - self.started,
                device_memory=peak_device_memory(accelerator, self.config.trainer.devices),
                energy=fitted.joules,
            )
        )
        self.tracker.result(metrics, figures, self.directory.checkpoints / "best.ckpt")
        self.check_directory()
        self.directory.write_metrics(metrics)


def check_metrics(config: RunConfig, data: Prepared) -> None:
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
        "flops": _flops(config, data, len(fitted.rows)),
    }
    learned = only_subset(data.phenotypes, data.split, "train")[data.split["train"]]
    n_train = np.isfinite(learned).sum(axis=0).tolist()
    metrics["n_train"] = dict(zip(data.phenotype_names, n_train, strict=True))
    if fitted.attention:
        metrics["attention"] = fitted.attention
    predicted, observed = {}, {}
    for subset in ("val", "test"):
        predicted[subset], result = score(fitted, data, subset)
        if not np.isfinite(predicted[subset]).all():
            raise TrainingError(
                f"model={config.model.name} predicts values that are no finite numbers for "
                f"{subset} strains."
            )
        observed[subset] = only_subset(data.observed, data.split, subset)[data.split[subset]]
        metrics[subset] = result.named(data.phenotype_names) | user_scores(
            predicted[subset],
            observed[subset],
            data.phenotype_names,
            metrics=config.trainer.metrics,
        )
    if fitted.members:
        metrics["members"] = [
            {
                "epochs": len(member.rows),
                "best_epoch": member.best_epoch,
                "updates": member.rows[-1]["updates"],
                "val_r2_mean": plain(score(member, data, "val")[1].r2_mean),
                "test_r2_mean": plain(score(member, data, "test")[1].r2_mean),
            }
            for member in fitted.members
        ]
    if fitted.noise_variance is not None:
        variance = (fitted.noise_variance * data.scaler.sd**2).tolist()
        metrics["noise_variance"] = dict(zip(data.phenotype_names, variance, strict=True))
    if data.covariates is not None:
        metrics["covariates"] = covariate_scores(data, predicted["test"])
    if config.model.is_trained:
        # Of an ensemble, its first network, whose attention is measured: it is the run without one.
        network, val_r2 = fitted, metrics["val"]["r2_mean"]
        if fitted.members:
            network, val_r2 = fitted.members[0], metrics["members"][0]["val_r2_mean"]
        val_r2 = math.nan if val_r2 is None else val_r2
        metrics["plateau"] = on_plateau(val_r2, ridge_r2, fitted.attention)
        metrics["escape"] = find_escape(network.rows, ridge_r2)
    directory.write_predictions(data.strains, data.phenotype_names, data.split, observed, predicted)
    return metrics


def _flops(config: RunConfig, data: Prepared, epochs: int) -> float | None:
    """Return the floating-point operations of a network's training; None of a closed form's."""
    if not config.model.is_trained:
        return None
    from g2p.training.flops import training_flops  # torch comes with it

    return training_flops(
        config,
        n_loci=len(data.loci),
        n_phenotypes=len(data.phenotype_names),
        n_train=len(data.split["train"]),
        epochs=epochs,
    )
