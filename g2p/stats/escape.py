"""How many updates arms need to leave their additive plateau, as a survival curve.

A run that ends on the plateau has not escaped yet: its updates are a lower bound (right-censored).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# How far validation R2 must be above ridge's to count as more than additive, for every model alike.
MARGIN = 0.01
ROUNDING = 1e-9  # of a share, which is a product


@dataclass(frozen=True, eq=False)
class EscapeCurve:
    """Kaplan and Meier's estimate (1958) of the share of runs that have escaped.

    Attributes:
        updates: at which runs escape, ascending.
        share: of the runs, that have escaped by then.
        runs, escaped: how many there are, and how many escape.
    """

    updates: np.ndarray
    share: np.ndarray
    runs: int
    escaped: int

    def quantile(self, share: float) -> float | None:
        """Return the updates by which this share of the runs has escaped; None where fewer do."""
        reached = self.updates[self.share >= share - ROUNDING]
        return float(reached[0]) if len(reached) else None

    @property
    def median(self) -> float | None:
        """The updates by which half of the runs have escaped; None where fewer do."""
        return self.quantile(0.5)


@dataclass(frozen=True)
class EscapeRun:
    """A run whose escape is defined.

    Attributes:
        signature: of the run.
        escaped_at: updates until its escape, None where it ended before.
        trained_for: its updates in all.
    """

    signature: str
    escaped_at: int | None
    trained_for: int


def escape_curve(escaped_at: np.ndarray, trained_for: np.ndarray) -> EscapeCurve:
    """Estimate the share of runs that have escaped after so many updates.

    Args:
        escaped_at: (n,) updates until each run's escape, NaN where it has none.
        trained_for: (n,) updates of each run in all.
    """
    from scipy.stats import CensoredData, ecdf  # takes a second

    seen = np.isfinite(escaped_at)
    sample = CensoredData(uncensored=escaped_at[seen], right=trained_for[~seen])
    curve = ecdf(sample).cdf
    # scipy's steps are at censored times, too, where nothing happens.
    steps = np.isin(curve.quantiles, escaped_at[seen])
    return EscapeCurve(
        curve.quantiles[steps], curve.probabilities[steps], len(seen), int(seen.sum())
    )


def escape_runs(table: pa.Table, arm: str) -> dict[object, list[EscapeRun]]:
    """Return the runs of each value of the factor `arm`, in the table's order.

    Args:
        table: rows that count; a run's first row counts. Runs without `updates` or without ridge on
            the same data, as closed forms and those of earlier versions, are left out.
        arm: a column.
    """
    table = table.filter(pc.and_(pc.is_valid(table["updates"]), pc.is_valid(table["ridge_r2"])))
    runs: dict[object, dict[str, EscapeRun]] = {}
    for value, *facts in zip(
        *(table[name].to_pylist() for name in (arm, "signature", "escape_updates", "updates")),
        strict=True,
    ):
        run = EscapeRun(*facts)
        runs.setdefault(value, {}).setdefault(run.signature, run)
    return {value: list(by_signature.values()) for value, by_signature in runs.items()}


def curve_of_runs(runs: Sequence[EscapeRun]) -> EscapeCurve:
    """Estimate the share of these runs that have escaped after so many updates."""
    times = np.array([(run.escaped_at, run.trained_for) for run in runs], float)
    return escape_curve(*times.T)


def plateau_warnings(table: pa.Table, arm: str) -> list[str]:
    """Return a sentence for each arm with runs that end on their additive plateau."""
    table = table.filter(pc.is_valid(table["plateau"]))
    ended: dict[object, dict[str, bool]] = {}
    for value, signature, plateau in zip(
        *(table[name].to_pylist() for name in (arm, "signature", "plateau")), strict=True
    ):
        ended.setdefault(value, {})[signature] = plateau
    return [
        f"{sum(runs.values())} of {len(runs)} runs of {arm}={value} end on their additive plateau: "
        "validation R2 is no better than ridge's and attention is still uniform. More updates may "
        "change what they show."
        for value, runs in ended.items() if any(runs.values())
    ]  # fmt: skip
