"""Weights & Biases: a copy of what the run's own files say, for dashboards.

A tracker is a context manager around a run; `none_tracker` imports no wandb. Several may be open at
once: each has a W&B run of its own. The run's directory is the record, so nothing here can fail a
run: without a network it stays offline.
"""

import contextlib
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from g2p.tracking.group import Group
from g2p.tracking.throttle import UPLOADS, UploadThrottle
from g2p.tracking.wandb_client import finish_run, first_line, start_run

log = logging.getLogger(__name__)

HEADER = 7  # bytes of a `.wandb` file that has nothing in it


class Tracker:
    """Sees a run go by; this one looks away."""

    def epochs(self, rows: list[dict]) -> None:
        """The history so far; called after every epoch, and at the end."""

    def result(self, metrics: Mapping, figures: list[Path], checkpoint: Path) -> None:
        """What the run ended with."""


@contextlib.contextmanager
def none_tracker(config: Mapping, signature: str, group: Group | None) -> Iterator[Tracker]:
    yield Tracker()


@contextlib.contextmanager
def wandb_tracker(
    config: Mapping, signature: str, default_group: Group | None,
    *, project: str, group: str | None, tags: list, artifact: bool,
) -> Iterator[Tracker]:  # fmt: skip
    """One W&B run, whose id is the run's signature; finished, whatever happens to the run.

    Args:
        config: resolved, shown with the run.
        signature: of the run.
        default_group: the multirun or study that the run belongs to.
        project: W&B's project.
        group: W&B's group, instead of the default's name.
        tags: W&B's tags, beside those of the study.
        artifact: whether the best checkpoint goes along.
    """
    place = default_group or Group("")
    options = {
        "project": project, "group": group or place.name or None, "job_type": place.job_type,
        "tags": list(dict.fromkeys([*tags, *place.tags()])), "id": signature,
        "name": _name(config), "config": {**config, **place.config()},
    }  # fmt: skip
    run = start_run(options)
    _remove_empty(run)
    tracker = WandbTracker(run, artifact)
    try:
        yield tracker
    except BaseException:
        tracker.finish(exit_code=1)
        raise
    tracker.finish(exit_code=0)


def _remove_empty(run) -> None:
    """What killed processes left of this run, when it is nothing: it would stop `wandb sync`.

    The caller holds the run's lock, so no other process is writing it.
    """
    with contextlib.suppress(Exception):  # not there, not ours to remove, or no run at all
        own = Path(run.dir).parent
        for file in own.parent.glob(f"offline-run-*-{run.id}/run-*.wandb"):
            if file.parent != own and file.stat().st_size <= HEADER:
                shutil.rmtree(file.parent)


class WandbTracker(Tracker):
    """Sends to `run`; the first thing that W&B refuses is said, and ends the sending."""

    def __init__(self, run, artifact: bool, outlet: UploadThrottle = UPLOADS):
        self.run, self.artifact, self.outlet = run, artifact, outlet
        self.rows, self.sent = [], 0
        outlet.open.append(self)

    def epochs(self, rows: list[dict]) -> None:
        self.rows = rows
        self.outlet.offer()

    def send(self) -> None:
        # A resumed run sends its earlier epochs again: a killed process can lose its own copy.
        for row in self.rows[self.sent :]:
            numbers = {key: value for key, value in row.items() if key != "ended"}
            self._try(lambda run, n=numbers: run.log(n, step=n["epoch"]))
        self.sent = len(self.rows)

    def result(self, metrics: Mapping, figures: list[Path], checkpoint: Path) -> None:
        import wandb

        self.send()
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
        self.outlet.open.remove(self)
        self.send()
        self._try(lambda run: finish_run(run, exit_code))

    def _try(self, send: Callable) -> None:
        if self.run is not None:
            try:
                send(self.run)
            except Exception as error:
                log.warning("W&B does not log this run further: %s", first_line(error))
                self.run = None


def _name(config: Mapping) -> str:
    phenotype = config["phenotype"]
    phenotype = phenotype if isinstance(phenotype, str) else ",".join(phenotype)
    return f"{config['model']['name']} {phenotype} seed {config['seed']}"
