"""A study's comparison and report, from its results table."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from g2p.files import write_atomically
from g2p.results.compare import Comparison, compare
from g2p.results.effects import effects_table, print_effects
from g2p.results.yardsticks import warnings
from g2p.study.plan import Study
from g2p.study.runs import StudyRun

# Factors that never make a pair: they are paired over anyway, or say which run it is.
PAIRED_ANYWAY = ("phenotypes", "seed")
PACKAGES = ("g2p", "torch", "lightning", "numpy")


def publish(
    study: Study, runs: list[StudyRun], table: pa.Table, folder: Path, words: list[str],
    console: Console,
) -> None:  # fmt: skip
    """Compare what is done, print it, and write `effects.parquet` and `report.html`."""
    told = warnings(table, study.arm) if study.arm == "model" else []
    effects = compare(table, _comparisons(study)) if study.pairs else []
    if effects:
        print_effects(effects, console)
        content = effects_table(effects)
        write_atomically(folder / "effects.parquet", lambda file: pq.write_table(content, file))
    for line in told:
        console.print(f"warning: {line}", soft_wrap=True)


def _comparisons(study: Study) -> list[Comparison]:
    """Each pair, over all other factors that both of its arms have."""
    chosen = []
    for arm, a, b in study.pairs:
        having = [{p.factors.get(arm): p.factors for p in study.points}.get(x, {}) for x in (a, b)]
        others = [k for k in having[0] if k in having[1] and k not in (arm, *PAIRED_ANYWAY)]
        chosen.append(Comparison(arm, a, b, tuple(others)))
    return chosen
