"""The additive plateau: a model so far predicts no better than ridge, and its attention is idle.

Attention that starts out uniform may move only after thousands of updates (Rijal et al. 2025's
after some 6,000 on `data=bbq_li`). Until then the model is one of additive effects: validation R2
stands where ridge's does, and a patience of some epochs runs out long before the model has learned.
"""

from collections.abc import Sequence

from g2p.models.uniform_attention import is_uniform
from g2p.stats.escape import MARGIN


def is_additive(r2: float, ridge_r2: float | None, margin: float = MARGIN) -> bool:
    """Whether a mean validation R2 is no more than `margin` above ridge's; False without either."""
    return ridge_r2 is not None and r2 <= ridge_r2 + margin


def on_plateau(
    r2: float, ridge_r2: float | None, layers: Sequence[dict], margin: float = MARGIN
) -> bool:
    """Whether a model is on its additive plateau.

    With attention: R2 is not above ridge's, and a layer's weights are still uniform. Without: R2 is
    ridge's, neither above nor below.

    Args:
        r2: mean over phenotypes, of the validation strains; NaN without any.
        ridge_r2: ridge's on the same data; None where it was not computed.
        layers: of the model, as `attention_entropy` returns them.
        margin: R2 within which two values are the same.
    """
    if ridge_r2 is None or not is_additive(r2, ridge_r2, margin):
        return False
    return any(map(is_uniform, layers)) if layers else r2 >= ridge_r2 - margin


def find_escape(rows: Sequence[dict], ridge_r2: float | None) -> dict | None:
    """Return the first epoch above the plateau, from 0, and the updates at its end; None if never.

    Args:
        rows: the history.
        ridge_r2: ridge's mean validation R2; None where it was not computed.
    """
    for row in rows:
        if ridge_r2 is not None and row["val_r2_mean"] > ridge_r2 + MARGIN:
            return {"epoch": row["epoch"], "updates": row["updates"]}
    return None
