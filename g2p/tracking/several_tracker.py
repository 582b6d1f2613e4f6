"""Several loggers at once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

from g2p.config.constraints import OnlyIf, OptionsOf
from g2p.config.run_config import RunConfig
from g2p.tracking.group import Group
from g2p.tracking.tracker import Tracker, tracker_of


@contextmanager
def several_tracker(
    config: RunConfig, signature: str, group: Group | None, *, wandb: bool, csv: bool,
    tensorboard: bool, wandb_options: Annotated[dict, OptionsOf("wandb"), OnlyIf("wandb")],
) -> Iterator[Tracker]:  # fmt: skip
    """Yield a tracker that passes on to others all that it receives.

    Args:
        config, signature, group: of the run.
        wandb, csv, tensorboard: which.
        wandb_options: of W&B.
    """
    chosen = {"wandb": wandb, "csv": csv, "tensorboard": tensorboard}
    options = {"wandb": {key: v for key, v in wandb_options.items() if key != "name"}}
    with ExitStack() as stack:
        yield SeveralTrackers([
            stack.enter_context(
                tracker_of(name)(config, signature, group, **options.get(name, {}))
            )
            for name, is_chosen in chosen.items() if is_chosen
        ])  # fmt: skip


class SeveralTrackers(Tracker):
    def __init__(self, trackers: Sequence[Tracker]):
        self.trackers = trackers

    def epochs(self, rows: list[dict]) -> None:
        for tracker in self.trackers:
            tracker.epochs(rows)

    def result(self, metrics: Mapping, figures: list[Path], checkpoint: Path) -> None:
        for tracker in self.trackers:
            tracker.result(metrics, figures, checkpoint)
