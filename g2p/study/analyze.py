"""A study's comparison and report, from its results table; made again when that changes."""

import hashlib
import json
import shlex
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from g2p.core.atomic_files import write_atomically, write_json
from g2p.core.console import Console
from g2p.core.digests import file_digest
from g2p.core.json_shapes import Published, read_checked_json
from g2p.core.package import PACKAGE
from g2p.core.typed_command import typed_command
from g2p.report.study.scores_text import print_scores, read_scores
from g2p.runs.cross_validation import scores_table
from g2p.runs.environment import installed_versions
from g2p.runs.listing import write_csv
from g2p.stats.compare import Effect, compare
from g2p.stats.crossing import Crossing, find_crossings
from g2p.stats.crossing_table import COLUMNS as CROSSING_COLUMNS
from g2p.stats.crossing_table import crossing_rows, print_crossings
from g2p.stats.effects_table import effects_of, effects_table, print_effects
from g2p.stats.escape import plateau_warnings
from g2p.stats.recovery import Recovered
from g2p.stats.reference_checks import reference_warnings
from g2p.stats.study_folds import StudyFolds
from g2p.study.collect import locked_results
from g2p.study.cross_validation import cross_validation, write_folds
from g2p.study.design import Study
from g2p.study.expand import StudyRun
from g2p.study.provenance import FILES as PROVENANCE
from g2p.study.provenance import write_provenance
from g2p.study.scored import scored_rows

PUBLISHED_PANEL = "bbq"  # whose test R2 others have published
TABLES = ("crossings.csv", "cv.csv", "cv_tests.csv")  # where the study has these
EPIK_PANEL = "bbq_li"  # whose curves against strains are published


def compare_and_report(
    study: Study, runs: list[StudyRun], table: pa.Table, folder: Path, arguments: list[str],
    console: Console, explained: list[Recovered],
) -> None:  # fmt: skip
    """Compare the finished runs, print it, and write `effects.parquet` and `report.html`.

    These are not written again where they are as the last call wrote them and nothing that they
    depend on has changed.
    """
    with locked_results(folder):
        effects, sentences = _effects_and_warnings(study, runs, table, folder, arguments, explained)
    print_scores(read_scores(folder / "scores.csv"), console)
    if effects:
        print_effects(effects, console)
    if study.folds or study.crossings:
        _print_folds_and_crossings(study, scored_rows(table, runs), console)
    for sentence in sentences:
        console.print(f"warning: {sentence}", soft_wrap=not console.is_terminal)


def _effects_and_warnings(
    study: Study, runs: list[StudyRun], table: pa.Table, folder: Path, arguments: list[str],
    explained: list[Recovered],
) -> tuple[list[Effect], list[str]]:  # fmt: skip
    """The effects and the warnings, as stored or made now."""
    note = folder / "published.json"
    digest = _inputs_digest(study, folder, [*arguments, str(explained)])
    stored = read_checked_json(note, Published)
    if stored and stored["of"] == digest and stored["files"] == _file_digests(folder):
        with suppress(OSError, pa.ArrowException, LookupError, TypeError):  # missing or damaged
            return effects_of(pq.read_table(folder / "effects.parquet")), stored["warnings"]
    note.unlink(missing_ok=True)
    table = scored_rows(table, runs)
    effects = compare(table, study.comparisons)
    # Along a curve, who is ahead depends on the point: the crossings say where.
    is_compared = study.arm == "model" and not study.crossings
    sentences = reference_warnings(table, study.arm) if is_compared else []
    sentences += plateau_warnings(table, study.arm)
    rows = effects_table(effects)
    write_atomically(folder / "effects.parquet", lambda file: pq.write_table(rows, file))
    for name in TABLES:
        (folder / name).unlink(missing_ok=True)
    crossings = _crossings(study, table)
    if crossings:
        write_csv(folder / "crossings.csv", crossing_rows(crossings), CROSSING_COLUMNS)
    if folds := cross_validation(study, table):
        write_folds(folder, folds)
    _write_report(
        study, runs, table, folder, arguments, effects, crossings, folds, sentences, explained
    )
    if "running" not in table["status"].unique().to_pylist():  # their curves grow
        files = _file_digests(folder)
        write_json(note, {"of": digest, "files": files, "warnings": sentences})
    return effects, sentences


def _print_folds_and_crossings(study: Study, table: pa.Table, console: Console) -> None:
    if folds := cross_validation(study, table):
        console.print(scores_table(folds.scores, folds.names))
    if study.crossings:
        print_crossings(_crossings(study, table), console)


def _crossings(study: Study, table: pa.Table) -> list[Crossing]:
    """Where the curves that the study asks about cross, of its finished runs."""
    rows = [
        row for row in table.to_pylist()
        if row["status"] == "done" and row["split"] == "test" and row["r2"] is not None
    ] if study.crossings else []  # fmt: skip
    return find_crossings(rows, study.crossings)


def _inputs_digest(study: Study, folder: Path, arguments: list[str]) -> str:
    """Hash all that the report is made from, its code included: if equal, it need not be made."""
    facts = [
        study.name,
        study.size,
        study.question,
        study.arm,
        study.comparisons,
        study.crossings,
        study.folds,
        arguments,
        installed_versions(),
        study.file.read_text(),
    ]
    digest = hashlib.sha256(json.dumps(facts, default=str).encode())
    digest.update((folder / "results.parquet").read_bytes())
    for package in ("report", "stats", "study"):
        for file in sorted((PACKAGE / package).rglob("*.*")):
            if file.suffix in (".py", ".csv", ".jinja", ".css"):
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _file_digests(folder: Path) -> dict[str, str]:
    """File -> its digest, of all that was written: something else may have changed it since."""
    names = ("effects.parquet", *TABLES, "scores.csv", "report.html", *PROVENANCE)
    files = [*(folder / name for name in names), *(folder / "figures").glob("*")]
    return {
        str(file.relative_to(folder)): file_digest(file)
        for file in sorted(files) if file.is_file()
    }  # fmt: skip


def _write_report(
    study: Study, runs: list[StudyRun], table: pa.Table, folder: Path, arguments: list[str],
    effects: list[Effect], crossings: list[Crossing], folds: StudyFolds | None,
    sentences: list[str], explained: list[Recovered],
) -> None:  # fmt: skip
    # This imports matplotlib, which a study that has not changed does not need.
    from g2p.report.study.published_results import epik_curve, published
    from g2p.report.study.report import write_report
    from g2p.report.study.results_view import COMBINATION, combine_factors

    pooled = [c for c in study.comparisons if not c.within and not c.trend]
    compared = list(dict.fromkeys(c.arm for c in pooled))
    several = len(compared) > 1  # factors; then an arm is a combination of them
    phenotypes = table["phenotype"].unique().to_pylist()
    panels = {run.config.data.name for run in runs}
    write_report(
        folder,
        title=f"{study.name} ({study.size})",
        question=study.question,
        table=combine_factors(table, compared) if several else table,
        arm=COMBINATION if several else study.arm,
        factors=[name for name in study.points[0].factors if name != "phenotypes"],
        chosen=study.select,
        effects=effects,
        warnings=sentences,
        configs={run.signature: run.config.with_effect() for run in runs},
        directories={run.signature: run.directory.folder for run in runs},
        published=published(phenotypes) if panels == {PUBLISHED_PANEL} else [],
        crossings=crossings,
        folds=folds,
        explained=explained,
        pairs=[(str(c.a), str(c.b)) for c in pooled if c.arm == study.arm],
        published_curve=epik_curve() if panels == {EPIK_PANEL} else [],
        command=f"{typed_command('sweep')} {shlex.join(arguments)}",
        provenance=write_provenance(study, runs, folder),
    )
