"""Which runs of a study count, where its spec selects a factor's value on validation.

Runs that agree in all but the selected factors (a learning rate, say) are candidates for one slot
in the study: its arm, its other factors, its seed. One of them counts there, chosen without a look
at test strains.
"""

from collections.abc import Iterable, Sequence
from math import isfinite
from statistics import fmean

from g2p.core.grouping import group_by

ENDED = ("done", "failed")


def mark_selected(rows: list[dict], factors: Sequence[str], select: Sequence[str]) -> None:
    """Add `selected` to the rows of a results table.

    Of the candidates for a slot, once all have ended, the one with the best mean validation R2 is
    selected; until then the first that has not ended, so that the slot is seen to be open.

    Args:
        rows: each with its factors, `signature`, `status`, `split`, `phenotype` and `r2`.
        factors: columns that are factors, `seed` among them.
        select: those of them whose value is selected.
    """
    constant = [name for name in factors if name not in select]
    candidates = group_by(rows, lambda row: (row["signature"], *(row[name] for name in factors)))
    slots = group_by(
        candidates.values(),
        lambda each: (
            *(each[0][name] for name in constant), *dict.fromkeys(row["phenotype"] for row in each),
        ),
    )  # fmt: skip
    for slot in slots.values():
        selected = _selected(slot)
        for candidate in slot:
            for row in candidate:
                row["selected"] = candidate is selected


def _selected(candidates: list[list[dict]]) -> list[dict]:
    """Return the rows of the candidate that counts."""
    for rows in candidates:
        if rows[0]["status"] not in ENDED:
            return rows
    return max(candidates, key=_validation_r2)


def _validation_r2(rows: list[dict]) -> float:
    return mean_r2(row.get("r2") for row in rows if row["split"] == "val")


def mean_r2(scores: Iterable[float | None]) -> float:
    """Return the mean R2 over the phenotypes that have one; -inf without any."""
    finite = [r2 for r2 in scores if r2 is not None and isfinite(r2)]
    return fmean(finite) if finite else -float("inf")
