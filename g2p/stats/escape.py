"""How many updates arms need to leave their additive plateau, as a survival curve.

A run that ends on the plateau has not escaped yet: its updates are a lower bound (right-censored).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


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

    @property
    def median(self) -> float | None:
        """The updates by which half of the runs have escaped; None where fewer do."""
        reached = self.updates[self.share >= 0.5]
        return float(reached[0]) if len(reached) else None


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


def escape_by_arm(table: pa.Table, arm: str) -> dict[object, EscapeCurve]:
    """Return the curve of each value of the factor `arm`, in the table's order.

    Args:
        table: rows that count; a run's first row counts. Runs without `updates` or without ridge on
            the same data, as closed forms and those of earlier versions, are left out.
        arm: a column.
    """
    table = table.filter(pc.and_(pc.is_valid(table["updates"]), pc.is_valid(table["ridge_r2"])))
    runs: dict[object, dict[str, tuple]] = {}
    for value, signature, *numbers in zip(
        *(table[name].to_pylist() for name in (arm, "signature", "escape_updates", "updates")),
        strict=True,
    ):
        runs.setdefault(value, {}).setdefault(signature, tuple(numbers))
    return {
        value: escape_curve(*np.array(list(each.values()), float).T)
        for value, each in runs.items()
    }  # fmt: skip


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
