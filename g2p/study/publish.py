"""A study's comparison and report, from its results table."""

import sys
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from g2p.files import write_atomically
from g2p.results.compare import Comparison, Effect, compare
from g2p.results.effects import effects_table, print_effects
from g2p.results.published_numbers import published
from g2p.results.report import write_report
from g2p.results.yardsticks import warnings
from g2p.study.plan import Study
from g2p.study.runs import StudyRun

# Paired over anyway, and no columns of their own in the results.
PAIRED_ANYWAY = ("phenotypes", "seed")
PACKAGES = ("g2p", "torch", "lightning", "numpy")
PUBLISHED_ON = "bbq"  # the panel that published values are of


def publish(
    study: Study, runs: list[StudyRun], table: pa.Table, folder: Path, words: list[str],
    console: Console,
) -> None:  # fmt: skip
    """Compare what is done, print it, and write `effects.parquet` and `report.html`."""
    effects = compare(table, _comparisons(study)) if study.pairs else []
    if effects:
        print_effects(effects, console)
        _write_effects(effects, folder)
    told = warnings(table, study.arm) if study.arm == "model" else []
    for line in told:
        console.print(f"warning: {line}", soft_wrap=True)
    real = all(run.config["data"]["name"] == PUBLISHED_ON for run in runs)
    flags = [word for word in words if not word.startswith("--")]
    write_report(
        folder,
        title=f"{study.name} ({study.size})",
        question=study.question,
        table=table,
        arm=study.arm,
        factors=[name for name in study.points[0].factors if name != "phenotypes"],
        effects=effects,
        warnings=told,
        configs={run.signature: run.config for run in runs},
        records={run.signature: run.record.folder for run in runs},
        published=published(table["phenotype"].unique().to_pylist()) if real else [],
        command=" ".join(["python sweep.py", *flags]),
        versions={"python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}},
    )


def _write_effects(effects: list[Effect], folder: Path) -> None:
    table = effects_table(effects)
    write_atomically(folder / "effects.parquet", lambda file: pq.write_table(table, file))


def _comparisons(study: Study) -> list[Comparison]:
    """Each pair, over all other factors."""
    others = [k for k in study.points[0].factors if k not in PAIRED_ANYWAY]
    return [
        Comparison(arm, a, b, tuple(name for name in others if name != arm))
        for arm, a, b in study.pairs
    ]
