"""A study's comparison and report, from its results table; made again where that has changed."""

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from g2p.config.schema import inapplicable_keys
from g2p.core.atomic_files import write_atomically, write_json
from g2p.core.console import Console
from g2p.core.json_shapes import Published, read_checked_json
from g2p.core.package import PACKAGE
from g2p.stats.compare import Effect, compare
from g2p.stats.effects_table import effects_of, effects_table, print_effects
from g2p.stats.reference_checks import reference_warnings
from g2p.study.collect import locked_results
from g2p.study.design import Study
from g2p.study.expand import StudyRun
from g2p.study.scored import scored

PACKAGES = ("g2p", "torch", "lightning", "numpy")
PUBLISHED_ON = "bbq"  # the panel that published values are of


def compare_and_report(
    study: Study, runs: list[StudyRun], table: pa.Table, folder: Path, words: list[str],
    console: Console,
) -> None:  # fmt: skip
    """Compare what is done, print it, and write `effects.parquet` and `report.html`.

    Where these are what the last call wrote and nothing that they depend on has changed, they are
    left as they are.
    """
    with locked_results(folder):
        effects, told = _published(study, runs, table, folder, words)
    if effects:
        print_effects(effects, console)
    for line in told:
        console.print(f"warning: {line}", soft_wrap=True)


def _published(
    study: Study, runs: list[StudyRun], table: pa.Table, folder: Path, words: list[str]
) -> tuple[list[Effect], list[str]]:
    """The effects and the warnings, read or made now."""
    note = folder / "published.json"
    of = _digest(study, table, folder, words)
    known = read_checked_json(note, Published)
    if known and known["of"] == of and known["files"] == _written(folder):
        with suppress(OSError, pa.ArrowException, LookupError, TypeError):  # gone, or damaged
            return _read_effects(folder), known["warnings"]
    note.unlink(missing_ok=True)
    table = scored(table, runs)
    effects = compare(table, study.comparisons)
    told = reference_warnings(table, study.arm) if study.arm == "model" else []
    _write_effects(effects, folder)
    _write_report(study, runs, table, folder, words, effects, told)
    if "running" not in table["status"].unique().to_pylist():  # their curves grow
        write_json(note, {"of": of, "files": _written(folder), "warnings": told})
    return effects, told


def _digest(study: Study, table: pa.Table, folder: Path, words: list[str]) -> str:
    """Of all that the report depends on, the code that makes it included."""
    told = [
        study.name,
        study.size,
        study.question,
        study.arm,
        study.comparisons,
        words,
        _versions(),
    ]
    digest = hashlib.sha256(json.dumps(told, default=str).encode())
    digest.update((folder / "results.parquet").read_bytes())
    for package in ("report", "stats", "study"):
        for file in sorted((PACKAGE / package).rglob("*.*")):
            if file.suffix in (".py", ".csv"):
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _written(folder: Path) -> dict[str, str]:
    """File -> its digest, of all that was published: something else may have changed it since."""
    files = [folder / "effects.parquet", folder / "report.html", *(folder / "figures").glob("*")]
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(files) if file.is_file()
    }  # fmt: skip


def _versions() -> dict[str, str]:
    return {"python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}}


def _write_report(
    study: Study, runs: list[StudyRun], table: pa.Table, folder: Path, words: list[str],
    effects: list[Effect], told: list[str],
) -> None:  # fmt: skip
    # With matplotlib, for which a study that has not changed need not wait.
    from g2p.report.study.published_results import published
    from g2p.report.study.report import write_report
    from g2p.report.study.results_view import COMBINATION, combined

    pooled = [c for c in study.comparisons if not c.within and not c.trend]
    compared = list(dict.fromkeys(c.arm for c in pooled))
    several = len(compared) > 1  # factors; then an arm is a combination of them
    real = all(run.config["data"]["name"] == PUBLISHED_ON for run in runs)
    flags = [word for word in words if not word.startswith("--")]
    write_report(
        folder,
        title=f"{study.name} ({study.size})",
        question=study.question,
        table=combined(table, compared) if several else table,
        arm=COMBINATION if several else study.arm,
        factors=[name for name in study.points[0].factors if name != "phenotypes"],
        effects=effects,
        warnings=told,
        configs={run.signature: _that_count(run.config) for run in runs},
        directories={run.signature: run.directory.folder for run in runs},
        published=published(table["phenotype"].unique().to_pylist()) if real else [],
        command=shlex.join(["python", "sweep.py", *flags]),
        versions=_versions(),
    )


def _that_count(config: Mapping) -> dict:
    """A config without the keys that change nothing, such as an optimizer's for ridge."""
    idle = inapplicable_keys(config)
    return {
        group: {key: value for key, value in values.items() if f"{group}.{key}" not in idle}
        if isinstance(values, Mapping) else values
        for group, values in config.items()
    }  # fmt: skip


def _write_effects(effects: list[Effect], folder: Path) -> None:
    table = effects_table(effects)
    write_atomically(folder / "effects.parquet", lambda file: pq.write_table(table, file))


def _read_effects(folder: Path) -> list[Effect]:
    return effects_of(pq.read_table(folder / "effects.parquet"))
