"""How many updates arms need to leave their additive plateau, as a survival curve.

A run that ends on the plateau has not escaped yet: its updates are a lower bound (right-censored).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


def escape_runs(rows: Iterable[Mapping[str, Any]]) -> list[EscapeRun]:
    """Return the escape of each run that has one defined, in the rows' order; its first row counts.

    It is not defined without `updates` or without ridge on the same data, as of closed forms and of
    runs of earlier versions.
    """
    runs: dict[str, EscapeRun] = {}
    for row in rows:
        if row.get("updates") is not None and row.get("ridge_r2") is not None:
            run = EscapeRun(row["signature"], row["escape_updates"], row["updates"])
            runs.setdefault(run.signature, run)
    return list(runs.values())


def curve_of_runs(runs: Sequence[EscapeRun]) -> EscapeCurve:
    """Estimate the share of these runs that have escaped after so many updates."""
    times = np.array([(run.escaped_at, run.trained_for) for run in runs], float)
    return escape_curve(*times.T)


def plateau_warnings(table: pa.Table, arm: str) -> list[str]:
    """Return a sentence on the arms with runs that end on their additive plateau, if any.

    Arms with equally many of them share one.
    """
    table = table.filter(pc.is_valid(table["plateau"]))
    ended: dict[object, dict[str, bool]] = {}
    for value, signature, plateau in zip(
        *(table[name].to_pylist() for name in (arm, "signature", "plateau")), strict=True
    ):
        ended.setdefault(value, {})[signature] = plateau
    arms: dict[tuple[int, int], list[str]] = {}
    for value, runs in ended.items():
        if any(runs.values()):
            arms.setdefault((sum(runs.values()), len(runs)), []).append(str(value))
    return [
        f"{n} of {total} runs{' each' if len(values) > 1 else ''} of {arm}={', '.join(values)} end "
        "on their additive plateau: validation R2 is no better than ridge's and attention is still "
        "uniform. More updates may change what they show."
        for (n, total), values in arms.items()
    ]  # fmt: skip
