"""Weights & Biases: a copy of the results in a run's files, for dashboards.

Several trackers may be open at once, each with its own W&B run. No failure here fails a run;
without a network the W&B run stays offline.
"""

import contextlib
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from g2p.config.run_config import RunConfig
from g2p.tracking.group import Group
from g2p.tracking.throttle import UPLOADS, UploadThrottle
from g2p.tracking.tracker import Tracker, summary_numbers
from g2p.tracking.wandb_client import finish_run, first_line, start_run

log = logging.getLogger(__name__)

HEADER = 7  # bytes of an empty `.wandb` file


@contextlib.contextmanager
def wandb_tracker(
    config: RunConfig, signature: str, default_group: Group | None,
    *, project: str, group: str | None, tags: list, artifact: bool,
) -> Iterator[Tracker]:  # fmt: skip
    """Yield the tracker of one W&B run, with the run's signature as its id, and finish it.

    Args:
        config: the resolved config, shown with the run.
        signature: of the run.
        default_group: the multirun or study of the run.
        project: W&B's project.
        group: W&B's group, instead of the default group's name.
        tags: W&B's tags, in addition to those of the study.
        artifact: whether to upload the best checkpoint.
    """
    run_group = default_group or Group("")
    options = {
        "project": project, "group": group or run_group.name or None,
        "job_type": run_group.job_type, "tags": list(dict.fromkeys([*tags, *run_group.tags()])),
        "id": signature, "name": _name(config),
        "config": {**config.to_dict(), **run_group.config()},
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
    """Remove empty directories that killed processes left of this run; they stop `wandb sync`.

    The caller has the run's lock, so no other process writes them.
    """
    with contextlib.suppress(Exception):  # absent, not removable, or W&B has no run
        directory = Path(run.dir).parent
        for file in directory.parent.glob(f"offline-run-*-{run.id}/run-*.wandb"):
            if file.parent != directory and file.stat().st_size <= HEADER:
                shutil.rmtree(file.parent)


class WandbTracker(Tracker):
    """Uploads to a W&B run; the first refusal of W&B is a warning and ends the uploads."""

    def __init__(self, run, artifact: bool, throttle: UploadThrottle = UPLOADS):
        self.run, self.artifact, self.throttle = run, artifact, throttle
        self.rows, self.n_sent = [], 0
        throttle.open_runs.append(self.send)

    def epochs(self, rows: list[dict]) -> None:
        """Store the history; upload it with those of the other runs, when that is due."""
        self.rows = rows
        self.throttle.upload_if_due()

    def send(self) -> None:
        """Upload the epochs that were not uploaded yet."""
        # A resumed run uploads its earlier epochs again: a killed process may have lost them.
        for row in self.rows[self.n_sent :]:
            numbers = {key: value for key, value in row.items() if key != "ended"}
            self._try(lambda run, n=numbers: run.log(n, step=n["epoch"]))
        self.n_sent = len(self.rows)

    def result(self, metrics: Mapping, figures: list[Path], checkpoint: Path) -> None:
        """Upload the summary, the figures and, as an artifact, the best checkpoint."""
        import wandb

        self.send()
        summary = summary_numbers(metrics)
        self._try(lambda run: run.summary.update(summary))
        pictures = {f"figures/{path.stem}": path for path in figures}
        self._try(lambda run: run.log({k: wandb.Image(str(p)) for k, p in pictures.items()}))
        if self.artifact:

            def log_checkpoint(run) -> None:
                artifact = wandb.Artifact(f"run-{metrics['signature']}", type="model")
                artifact.add_file(str(checkpoint))
                run.log_artifact(artifact, aliases=["best"])

            self._try(log_checkpoint)

    def finish(self, exit_code: int) -> None:
        """Upload the remaining epochs and finish the W&B run."""
        self.throttle.open_runs.remove(self.send)
        self.send()
        self._try(lambda run: finish_run(run, exit_code))

    def _try(self, send: Callable) -> None:
        if self.run is not None:
            try:
                send(self.run)
            except Exception as error:
                log.warning("W&B stops logging this run: %s", first_line(error))
                self.run = None


def _name(config: RunConfig) -> str:
    phenotype = config.phenotype
    phenotype = phenotype if isinstance(phenotype, str) else ",".join(phenotype)
    return f"{config.model.name} {phenotype} seed {config.seed}"
