"""Weights & Biases: a copy of what the run's own files say, for dashboards.

A tracker is a context manager around a run; `none_tracker` imports no wandb. The run's directory is
the record, so nothing here can fail a run: without a network it stays offline.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

log = logging.getLogger(__name__)


class Tracker:
    """Sees a run go by; this one looks away."""

    def epochs(self, rows: list[dict]) -> None:
        """The history so far; called after every epoch, and at the end."""

    def result(self, metrics: Mapping, figures: list[Path], checkpoint: Path) -> None:
        """What the run ended with."""


@contextlib.contextmanager
def none_tracker(config: Mapping, signature: str, group: str | None) -> Iterator[Tracker]:
    yield Tracker()


@contextlib.contextmanager
def wandb_tracker(
    config: Mapping, signature: str, default_group: str | None,
    *, project: str, group: str | None, tags: list, artifact: bool,
) -> Iterator[Tracker]:  # fmt: skip
    """One W&B run, whose id is the run's signature; finished, whatever happens to the run.

    Args:
        config: resolved, shown with the run.
        signature: of the run.
        default_group: of the multirun or study that the run belongs to.
        project: W&B's project.
        group: W&B's group, instead of the default.
        tags: W&B's tags.
        artifact: whether the best checkpoint goes along.
    """
    options = {
        "project": project, "group": group or default_group, "tags": tags, "id": signature,
        "name": _name(config), "config": dict(config),
    }  # fmt: skip
    tracker = WandbTracker(_start(options), artifact)
    try:
        yield tracker
    except BaseException:
        tracker.finish(exit_code=1)
        raise
    tracker.finish(exit_code=0)


def _start(options: dict):
    """A W&B run, online when that works, else offline; None when W&B will have none of it."""
    import wandb

    timeout = float(os.environ.get("WANDB_INIT_TIMEOUT", 30))
    try:
        settings = wandb.Settings(console="off", silent=True, init_timeout=timeout)
        options = {**options, "settings": settings, "reinit": "finish_previous"}
        mode = os.environ.get("WANDB_MODE")
        if not mode:
            mode = "online" if wandb.login(prompt=False, verify=False) else "offline"
        return wandb.init(mode=mode, resume="allow" if mode == "online" else None, **options)
    except Exception as error:  # W&B and what it is built on raise many kinds
        log.warning("W&B: %s", _first_line(error))
    try:
        log.warning("W&B is logged offline from here on; `wandb sync` sends it later.")
        os.environ["WANDB_MODE"] = "offline"
        # The attempt that failed still holds the run's own id.
        return wandb.init(mode="offline", **{**options, "id": f"{options['id']}-offline"})
    except Exception as error:
        log.warning("W&B does not log this run: %s", _first_line(error))
        return None


class WandbTracker(Tracker):
    """Sends to `run`; the first thing that W&B refuses is said, and ends the sending."""

    def __init__(self, run, artifact: bool):
        self.run, self.artifact, self.sent = run, artifact, 0

    def epochs(self, rows: list[dict]) -> None:
        # A resumed run sends its earlier epochs again: a killed process can lose its own copy.
        for row in rows[self.sent :]:
            numbers = {key: value for key, value in row.items() if key != "ended"}
            self._try(lambda run, n=numbers: run.log(n, step=n["epoch"]))
        self.sent = len(rows)

    def result(self, metrics: Mapping, figures: list[Path], checkpoint: Path) -> None:
        import wandb

        summary = {
            key: metrics[key] for key in ("best_epoch", "epochs", "seconds", "num_parameters")
        }
        for part in ("val", "test"):
            summary |= {f"{part}_{key}": metrics[part][key] for key in ("r2_mean", "loss")}
            for score in ("r2", "pearson"):
                summary |= {f"{part}_{score}/{name}": x for name, x in metrics[part][score].items()}
        if metrics["ridge"]:
            summary["ridge_test_r2_mean"] = metrics["ridge"]["test"]["r2_mean"]
        self._try(lambda run: run.summary.update(summary))
        pictures = {f"figures/{path.stem}": path for path in figures}
        self._try(lambda run: run.log({k: wandb.Image(str(p)) for k, p in pictures.items()}))
        if self.artifact:

            def keep(run) -> None:
                artifact = wandb.Artifact(f"run-{metrics['signature']}", type="model")
                artifact.add_file(str(checkpoint))
                run.log_artifact(artifact, aliases=["best"])

            self._try(keep)

    def finish(self, exit_code: int) -> None:
        self._try(lambda run: run.finish(exit_code=exit_code))

    def _try(self, send: Callable) -> None:
        if self.run is not None:
            try:
                send(self.run)
            except Exception as error:
                log.warning("W&B does not log this run further: %s", _first_line(error))
                self.run = None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _name(config: Mapping) -> str:
    phenotype = config["phenotype"]
    phenotype = phenotype if isinstance(phenotype, str) else ",".join(phenotype)
    return f"{config['model']['name']} {phenotype} seed {config['seed']}"
