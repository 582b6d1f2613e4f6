"""A row of history.parquet: one epoch."""

from datetime import UTC, datetime

from g2p.training.metrics import Scores


def history_row(
    epoch: int,
    updates: int | None,
    phenotypes: list[str],
    train_loss: float,
    val: Scores,
    lr: float | None,
    seconds: float,
) -> dict:
    """Return the row of an epoch; `updates` are those at its end, `ended` is now, in UTC."""
    row = {
        "epoch": epoch,
        "updates": updates,
        "train_loss": train_loss,
        "val_loss": val.loss,
        "val_r2_mean": val.r2_mean,
        "lr": lr,
        "seconds": seconds,
        "ended": datetime.now(UTC).isoformat(),
    }
    for name, r2, pearson in zip(phenotypes, val.r2.tolist(), val.pearson.tolist(), strict=True):
        row |= {f"val_r2/{name}": r2, f"val_pearson/{name}": pearson}
    return row
