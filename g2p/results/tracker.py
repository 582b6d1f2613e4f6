"""Weights & Biases: a copy of what the run's own files say, for dashboards.

A tracker is a context manager around a run; `none_tracker` imports no wandb. The run's directory is
the record, so nothing here can fail a run: without a network it stays offline.
"""

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
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
    import wandb

    timeout = float(os.environ.get("WANDB_INIT_TIMEOUT", 30))
    mode = os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False) else "offline")
    options = {
        "project": project, "group": group or default_group, "tags": tags, "id": signature,
        "name": _name(config), "config": dict(config), "reinit": "finish_previous",
        "settings": wandb.Settings(console="off", silent=True, init_timeout=timeout),
    }  # fmt: skip
    try:
        run = wandb.init(mode=mode, resume="allow" if mode == "online" else None, **options)
    except wandb.errors.CommError as error:
        log.warning("W&B is out of reach; logging offline from here on (%s).", error)
        os.environ["WANDB_MODE"] = "offline"
        options["id"] = f"{signature}-offline"  # the attempt that failed still holds the other
        run = wandb.init(mode="offline", **options)
    try:
        yield WandbTracker(run, artifact)
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish()


class WandbTracker(Tracker):
    def __init__(self, run, artifact: bool):
        self.run, self.artifact, self.sent = run, artifact, 0

    def epochs(self, rows: list[dict]) -> None:
        # A resumed run sends its earlier epochs again: a killed process can lose its own copy.
        for row in rows[self.sent :]:
            self.run.log(
                {key: value for key, value in row.items() if key != "ended"}, step=row["epoch"]
            )
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
        self.run.summary.update(summary)
        self.run.log({f"figures/{path.stem}": wandb.Image(str(path)) for path in figures})
        if self.artifact:
            artifact = wandb.Artifact(f"run-{metrics['signature']}", type="model")
            artifact.add_file(str(checkpoint))
            self.run.log_artifact(artifact, aliases=["best"])


def _name(config: Mapping) -> str:
    phenotype = config["phenotype"]
    phenotype = phenotype if isinstance(phenotype, str) else ",".join(phenotype)
    return f"{config['model']['name']} {phenotype} seed {config['seed']}"
