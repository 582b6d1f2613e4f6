"""Means of differences over the background's strains; a killed computation goes on."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from g2p.core.atomic_files import write_atomically
from g2p.explain.background import Background
from g2p.explain.differences import ROWS, Differences, Predict
from g2p.explain.linkage import Linkage

SETS = 4096  # whose differences are computed at once; of many loci fewer:
VALUES = 20_000_000  # genotypes in memory at once
SUMS = ("sum", "squares", "shift")
SECONDS_BETWEEN_SAVES = 10.0


@dataclass(frozen=True, eq=False)
class MeanDifferences:
    """Differences over M sets of loci, P phenotypes, in the units of the predictions.

    Attributes:
        mean: (M, P), over strains.
        se: (M, P), its standard error: of the choice of strains, not of the model's training.
        sd: (M, P), between strains. Of a pair, it is not 0 where its interaction depends on other
            loci.
    """

    mean: np.ndarray
    se: np.ndarray
    sd: np.ndarray


def n_evaluations(sets: np.ndarray, strains: int) -> int:
    """Return how many genotypes are predicted for the differences of (M, K) sets of loci."""
    order = sets.shape[1]
    subsets = [
        np.concatenate([sets[:, columns] for columns in combinations(range(order), size)])
        for size in range(1, order + 1)
    ]
    return strains * (1 + sum(len(np.unique(each, axis=0)) for each in subsets))


def mean_differences(
    predict: Predict, background: Background, linkage: Linkage, sets: np.ndarray, phenotypes: int,
    file: Path, advance: Callable[[int], None] = lambda evaluations: None,
) -> MeanDifferences:  # fmt: skip
    """Compute the mean differences over sets (M, K) of loci.

    Args:
        predict: (n, L) to (n, P).
        background, linkage: see `Differences`.
        sets: of loci.
        phenotypes: P.
        file: holds what was computed so far, and is removed at the end; its name stands for
            everything that decides on the result.
        advance: called with the number of genotypes that were predicted.
    """
    n_strains, n_loci = background.calls.shape
    size = max(1, min(SETS, VALUES // n_loci))
    state = _load(file, (len(sets), phenotypes))
    saved = time.monotonic()
    for start in range(0, len(sets), size):
        chunk = slice(start, min(start + size, len(sets)))
        differences = Differences(predict, background, linkage, sets[chunk])
        at_once = max(1, ROWS // differences.evaluations)
        for first in range(0, n_strains, at_once):
            strains = np.arange(first, min(first + at_once, n_strains))
            advance(len(strains) * differences.evaluations)
            if start * n_strains + first < state["done"]:
                continue
            values = differences.of(strains)
            if not first:
                state["shift"][chunk] = values[0]
            values -= state["shift"][chunk]  # squares of differences that hardly vary are exact
            state["sum"][chunk] += values.sum(axis=0)
            state["squares"][chunk] += (values**2).sum(axis=0)
            state["done"] = start * n_strains + first + 1
            if time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
                _save(file, state)
                saved = time.monotonic()
    _save(file, state)
    mean = state["sum"] / n_strains
    variance = np.maximum(state["squares"] / n_strains - mean**2, 0)
    mean += state["shift"]
    sd = np.sqrt(variance * n_strains / max(n_strains - 1, 1))
    se = sd / np.sqrt(n_strains) if n_strains > 1 else np.full_like(sd, np.nan)
    return MeanDifferences(mean, se, sd)


def _load(file: Path, shape: tuple[int, int]) -> dict:
    """Return the sums so far, from the file of a killed computation if there is one."""
    try:
        with np.load(file) as stored:
            state = {key: stored[key] for key in (*SUMS, "done")}
        if all(state[key].shape == shape for key in SUMS):
            return state
    except (OSError, ValueError, KeyError, EOFError):
        pass  # absent, or damaged: nothing but time is lost
    return {"done": 0, **{key: np.zeros(shape) for key in SUMS}}


def _save(file: Path, state: dict) -> None:
    content = io.BytesIO()
    np.savez(content, **state)
    write_atomically(file, lambda out: out.write(content.getvalue()))
