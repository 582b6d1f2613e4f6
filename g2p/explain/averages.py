"""Mean differences of one explanation, with an estimate, a bar, and files to go on from."""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from rich.progress import BarColumn, Progress, TimeRemainingColumn

from g2p.core.console import Console, TextColumn
from g2p.core.formatting import format_duration
from g2p.core.phrases import plural
from g2p.explain.background import Background
from g2p.explain.differences import Predict, in_blocks
from g2p.explain.linkage import Linkage
from g2p.explain.mean_differences import MeanDifferences, mean_differences, n_evaluations
from g2p.explain.subject import Subject

SAMPLE, TIMED = 256, 4  # genotypes that are predicted to time it, and how often
# An estimate is printed, and there is a bar, if it takes longer.
SECONDS_WITHOUT_WORD = 5.0


class Averages:
    """Means over the background's strains of one run.

    Args:
        subject: what is explained.
        background: the strains.
        flipped: loci that are flipped together.
        folder: of the explanation.
        decisive: whatever else decides on the results, such as options.
    """

    def __init__(
        self, subject: Subject, background: Background, flipped: Linkage, folder: Path,
        decisive: Mapping,
    ):  # fmt: skip
        self.subject, self.background, self.flipped = subject, background, flipped
        self.folder, self.decisive = folder / "unfinished", decisive

    def over(
        self, sets: np.ndarray, noun: str, *, strains: int | None = None,
        predict: Predict | None = None, name: str = "",
    ) -> MeanDifferences:  # fmt: skip
        """Return the mean differences over sets (M, K) of loci.

        Args:
            sets: of loci.
            noun: says what they are.
            strains: of the background, the first so many; None: all.
            predict: of another model than the run's, which has this `name`.
        """
        background = self.background.first(strains)
        total = n_evaluations(sets, len(background.rows))
        seconds = total * self._seconds_a_prediction
        console = Console(stderr=True)
        is_long = seconds > SECONDS_WITHOUT_WORD
        if is_long:
            console.print(
                f"{plural(len(sets), noun)}, {plural(len(background.rows), 'strain')}: "
                f"{total:,} predictions, about {format_duration(seconds)}",
                soft_wrap=True,
            )
        bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console,
            disable=not (is_long and console.is_terminal), transient=True,
        )  # fmt: skip
        with bar:
            task = bar.add_task(f"{noun}s", total=total)
            return mean_differences(
                predict or self.subject.predict, background, self.flipped, sets,
                len(self.subject.columns), self._file(sets, name),
                lambda evaluations: bar.advance(task, evaluations),
            )  # fmt: skip

    def remove_files(self) -> None:
        """Remove what a killed explanation would go on from."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, sets: np.ndarray, name: str) -> Path:
        text = json.dumps([self.decisive, name], sort_keys=True)
        identity = hashlib.sha256(text.encode())
        identity.update(np.ascontiguousarray(sets).tobytes())
        return self.folder / f"{identity.hexdigest()[:16]}.npz"

    @cached_property
    def _seconds_a_prediction(self) -> float:
        genotypes = np.resize(self.background.calls, (SAMPLE, self.background.calls.shape[1]))
        times = []
        for _ in range(TIMED):
            started = time.monotonic()
            in_blocks(self.subject.predict, genotypes)
            times.append(time.monotonic() - started)
        return min(times) / SAMPLE
