"""A study's report: report.html, one file that opens offline, its figures beside it too.

In: the study's results table, under way or finished, its effects and its runs' configs. Out: the
page, `figures/*.png`, `*.svg` and `*.pdf`, each with a CSV of the values that it draws, and
`scores.csv`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from g2p.core.atomic_files import write_atomically
from g2p.report.study import figure_files
from g2p.report.study.arms_section import arms_section
from g2p.report.study.config_table import config_table
from g2p.report.study.cost_figure import find_baseline_arms
from g2p.report.study.curves_section import curves_section
from g2p.report.study.cv_table import cv_section
from g2p.report.study.effects_section import effects_section, shared_warnings
from g2p.report.study.explained_section import explained_section
from g2p.report.study.factor_values import AXES
from g2p.report.study.failed_runs import failed_runs
from g2p.report.study.figures import pictures
from g2p.report.study.limits import MOST_ARMS
from g2p.report.study.page import Paragraph, Verbatim, render
from g2p.report.study.provenance_section import provenance_section
from g2p.report.study.published_results import Published, PublishedPoint
from g2p.report.study.recovery_figure import recovery_picture
from g2p.report.study.results_view import StudyData
from g2p.report.study.scores import FILE as SCORES
from g2p.report.study.scores import score_rows, scores_section
from g2p.report.study.summary_text import summary
from g2p.stats.compare import Effect
from g2p.stats.crossing import Crossing
from g2p.stats.recovery import Recovered
from g2p.stats.study_folds import StudyFolds

NAMES = {
    "staircase", "r2_by_phenotype", "effects", "cost", "learning_curves", "recovery",
    *(f"r2_by_{axis.name}" for axis in AXES.values()),
}  # fmt: skip


def write_report(
    folder: Path, *, title: str, question: str, table: pa.Table, arm: str, factors: Sequence[str],
    effects: Sequence[Effect], warnings: Sequence[str], configs: Mapping[str, Mapping],
    directories: Mapping[str, Path], published: Sequence[Published], command: str,
    provenance: Mapping[str, Any], crossings: Sequence[Crossing] = (),
    published_curve: Sequence[PublishedPoint] = (), folds: StudyFolds | None = None,
    explained: Sequence[Recovered] = (), pairs: Sequence[tuple[str, str]] = (),
    chosen: Sequence[str] = (),
) -> Path:  # fmt: skip
    """Write `report.html` and `figures/` into the study's folder; returns the former's path.

    The same input gives the same bytes.

    Args:
        folder: of the study.
        title, question: of the study.
        table: its results, a row for each run x phenotype x split.
        arm: the factor whose values are compared.
        factors: the columns of `table` that are factors.
        chosen: those of them whose value validation chose.
        effects: in the order to show them in.
        warnings: sentences.
        configs: signature -> resolved config.
        directories: signature -> run directory.
        published: values to show beside the study's, where phenotypes match.
        command: the command line that makes the report again.
        provenance: of the study, as `g2p.study.provenance` writes it beside the report.
        crossings: of the curves that the study asks about.
        folds: scores over folds, where the study has any.
        explained: what the models of runs found.
        pairs: of arms, whose explanations are compared.
        published_curve: points to show beside the study's, where strains are its factor.
    """
    data = StudyData(table, arm, factors, chosen)
    shown = data.best(MOST_ARMS)
    baseline_arms = find_baseline_arms(data, configs)
    drawn = pictures(shown, effects, directories, published, baseline_arms, published_curve)
    recovery = recovery_picture(explained)
    figures = folder / "figures"
    drawn += [recovery] if recovery else []
    for name in NAMES - {picture.name for picture in drawn}:
        for ending in figure_files.ENDINGS:
            (figures / f"{name}.{ending}").unlink(missing_ok=True)
    sentences = [*warnings, *shared_warnings(effects)]
    of_figures, of_configs = (
        [Paragraph(f"{what} the {MOST_ARMS} best of {len(data.arms):,} arms.")]
        if shown is not data else []
        for what in ("Figures show", "This table shows")
    )  # fmt: skip
    scores = score_rows(data)
    if scores:
        figure_files.write_csv(folder / SCORES, scores)
    else:
        (folder / SCORES).unlink(missing_ok=True)
    of_shown = [row for row in scores if row[data.arm] in shown.arms]
    images = [figure_files.write_figure(picture, figures) for picture in drawn]
    sections = {
        "Summary": [Paragraph(text) for text in summary(data, effects)],
        "Warnings": [Paragraph(text, "warning") for text in sentences],
        "Figures": [*of_figures, *images],
        "Cross-validation": cv_section(folds),
        "What the models found": explained_section(explained, pairs),
        "Curves": curves_section(drawn, crossings),
        "Scores": scores_section(of_shown, data.arm, data.settings),
        "Effects": effects_section(effects),
        "Arms": arms_section(data, baseline_arms),
        "Configs": [*of_configs, *config_table(shown, configs)],
        "Failed runs": failed_runs(data, factors),
        "Provenance": provenance_section(provenance),
        "Reproduce": [Verbatim(command)],
    }
    text = render(title, question, sections)
    path = folder / "report.html"
    write_atomically(path, lambda file: file.write(text.encode()))
    return path
