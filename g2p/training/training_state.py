"""The state of a training, epoch by epoch: its seeds, its history, when it ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from g2p.core.errors import TrainingError
from g2p.training.additive_plateau import is_additive, on_plateau
from g2p.training.history import history_row
from g2p.training.metrics import Scores


@dataclass
class TrainingState:
    """The history of a run and its best epoch: all that a resumed training needs beside tensors.

    Attributes:
        phenotypes: names, for the columns of the history.
        monitor: "r2" (higher is better) or "loss" (lower is better), of the validation strains.
        patience: epochs in a row without a new best before stopping; None never stops early. Those
            on the additive plateau do not count.
        max_epochs: at most this many, whether they are a budget themselves or come from one in
            updates.
        updates_an_epoch: batches of an epoch.
        ridge_r2: ridge's mean validation R2; None where it was not computed.
        ridge_margin: of the plateau (see `g2p.training.additive_plateau`); None: every epoch
            counts.
        rows: one an epoch.
        best, best_epoch: the highest score so far, and when.
        plateau_epoch: the last epoch on the plateau.
        stopped: whether something else ended the training, as a callback of a user's own may.
    """

    phenotypes: list[str]
    monitor: str
    patience: int | None
    max_epochs: int
    updates_an_epoch: int
    ridge_r2: float | None = None
    ridge_margin: float | None = None
    rows: list[dict] = field(default_factory=list)
    best: float = -float("inf")
    best_epoch: int = -1
    plateau_epoch: int = -1
    stopped: bool = False

    @property
    def epochs(self) -> int:
        """The number of finished epochs."""
        return len(self.rows)

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        since = max(self.best_epoch, self.plateau_epoch)
        return self.patience is not None and self.epochs - 1 - since >= self.patience

    @property
    def ended(self) -> bool:
        spent = self.epochs >= self.max_epochs or self.stopped
        return spent or (self.epochs > 0 and self.exhausted)

    def score(self, val: Scores) -> float:
        """Return the monitored score of the current epoch; higher is better.

        Without validation strains the last epoch is always the best.
        """
        score = val.r2_mean if self.monitor == "r2" else -val.loss
        return float(self.epochs) if np.isnan(score) else score

    def check(self, train_loss: float, val_loss: float, finite: bool) -> None:
        """Raise a TrainingError unless the current epoch has a finite loss and predictions."""
        if not (np.isfinite(train_loss) and finite):
            raise TrainingError(
                f"the loss became {train_loss:g} (training), {val_loss:g} (validation) "
                f"in epoch {self.epochs + 1}. Try a smaller optim.lr, or "
                "trainer.gradient_clip_val=1."
            )

    def close(
        self, train_loss: float, val: Scores, lr: float, seconds: float,
        attention: Callable[[], list[dict]],
    ) -> bool:  # fmt: skip
        """End an epoch; return whether it is the best so far.

        `attention` measures the model's layers; it is called only where patience depends on it.
        """
        score = self.score(val)
        margin = None if self.patience is None else self.ridge_margin
        if (
            margin is not None
            and is_additive(val.r2_mean, self.ridge_r2, margin)
            and on_plateau(val.r2_mean, self.ridge_r2, attention(), margin)
        ):
            self.plateau_epoch = self.epochs
        updates = (self.epochs + 1) * self.updates_an_epoch
        row = history_row(self.epochs, updates, self.phenotypes, train_loss, val, lr, seconds)
        improved = score > self.best
        if improved:
            self.best, self.best_epoch = score, self.epochs
        self.rows.append(row)
        return improved

    def state(self) -> dict:
        return {
            "rows": self.rows, "best": self.best, "best_epoch": self.best_epoch,
            "plateau_epoch": self.plateau_epoch, "stopped": self.stopped,
        }  # fmt: skip

    def restore(self, state: Mapping) -> None:
        self.rows, self.best, self.best_epoch = state["rows"], state["best"], state["best_epoch"]
        self.plateau_epoch = state.get("plateau_epoch", -1)  # earlier versions had no such rule
        self.stopped = state.get("stopped", False)
        for row in self.rows:
            row.setdefault("updates", (row["epoch"] + 1) * self.updates_an_epoch)


def epoch_seed(seed: int, epoch: int, rank: int = 0) -> int:
    """Return the seed of torch in an epoch (dropout); a resumed run needs no generator's state.

    Args:
        seed: of the run.
        epoch: from 0.
        rank: of the process, where several share a batch.
    """
    high, low = np.random.SeedSequence([seed, epoch, rank]).generate_state(2, np.uint32).tolist()
    return high << 32 | low
