"""A study's report: report.html, one file that opens offline, its figures beside it too.

In: the study's results table, under way or finished, its effects and its runs' configs. Out: the
page, and `figures/*.png` and `*.svg`, each with a CSV of the values that it draws.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import pyarrow as pa

from g2p.core.atomic_files import write_atomically
from g2p.core.formatting import label
from g2p.core.phrases import listed
from g2p.report.study import html as page
from g2p.report.study.config_table import config_table
from g2p.report.study.cost_figure import costs, find_baseline_arms
from g2p.report.study.factor_values import AXES
from g2p.report.study.figures import effect_title, pictures
from g2p.report.study.published_results import Published
from g2p.report.study.results_view import RunRow, StudyData, is_number
from g2p.report.study.summary_text import summary
from g2p.stats.compare import Effect
from g2p.stats.effects_table import method_notes

NAMES = {
    "staircase", "r2_by_phenotype", "effects", "cost", "learning_curves",
    *(f"r2_by_{axis.name}" for axis in AXES.values()),
}  # fmt: skip
# Limits of a page of thousands of runs; results.parquet has all.
MOST_ARMS = 40  # in figures and among configs
MOST_ROWS = 200  # arms or effects in a table
MOST_NAMES = 12  # of comparisons with the same warning
MOST_ERRORS = 20
MOST_OF_AN_ERROR = 10  # runs listed under one error
LONGEST_ERROR = 4000  # characters; an error's message is mostly at its end


def write_report(
    folder: Path, *, title: str, question: str, table: pa.Table, arm: str, factors: Sequence[str],
    effects: Sequence[Effect], warnings: Sequence[str], configs: Mapping[str, Mapping],
    directories: Mapping[str, Path], published: Sequence[Published], command: str,
    versions: Mapping[str, str],
) -> Path:  # fmt: skip
    """Write `report.html` and `figures/` into the study's folder; returns the former's path.

    The same input gives the same bytes.

    Args:
        folder: of the study.
        title, question: of the study.
        table: its results, a row for each run x phenotype x split.
        arm: the factor whose values are compared.
        factors: the columns of `table` that are factors.
        effects: in the order to show them in.
        warnings: sentences.
        configs: signature -> resolved config.
        directories: signature -> run directory.
        published: values to show beside the study's, where phenotypes match.
        command: the command line that makes the report again.
        versions: of Python and of the main packages.
    """
    data = StudyData(table, arm, factors)
    shown = data.best(MOST_ARMS)
    baseline_arms = find_baseline_arms(data, configs)
    drawn = pictures(shown, effects, directories, published, baseline_arms)
    figures = folder / "figures"
    for name in NAMES - {picture.name for picture in drawn}:
        for ending in ("png", "svg", "csv"):
            (figures / f"{name}.{ending}").unlink(missing_ok=True)
    sentences = [*warnings, *_shared_warnings(effects)]
    alerts = "".join(page.paragraph(text, "warning") for text in sentences)
    fewer = ""
    if shown is not data:
        fewer = page.paragraph(f"Figures show the {MOST_ARMS} best of {len(data.arms):,} arms.")
    sections = {
        "Summary": "".join(map(page.paragraph, summary(data, effects))),
        "Warnings": alerts,
        "Figures": "\n".join([fewer, *(page.figure(picture, figures) for picture in drawn)]),
        "Effects": _effects(effects),
        "Arms": _arms(data, baseline_arms),
        "Configs": fewer.replace("Figures show", "This table shows") + config_table(shown, configs),
        "Failed runs": _failed(data, factors),
        "Versions": page.table("versions", ["what", "version"], list(versions.items())),
        "Reproduce": page.pre(command),
    }
    text = page.page(title, question, [(name, body) for name, body in sections.items() if body])
    path = folder / "report.html"
    write_atomically(path, lambda file: file.write(text.encode()))
    return path


def _shared_warnings(effects: Sequence[Effect]) -> list[str]:
    """The warnings of comparisons, with the names of all that share one."""
    names: dict[str, list[str]] = {}
    for effect in effects:
        if effect.warning:
            names.setdefault(effect.warning, []).append(effect_title(effect, effects))
    return [
        f"{'; '.join([*titles[:MOST_NAMES], *_more(titles, MOST_NAMES)])}: {warning}"
        for warning, titles in names.items()
    ]


def _more(everything: Collection, shown: int) -> list[str]:
    """The number of those that are not shown, if any, as text."""
    hidden = len(everything) - shown
    return [f"and {hidden:,} more"] if hidden > 0 else []


def _effects(effects: Sequence[Effect]) -> str:
    if not effects:
        return ""
    rows = [
        [
            effect_title(e, effects),
            _signed(e.mean),
            f"{_signed(e.low)} to {_signed(e.high)}" if is_number(e.low) else "–",
            f"{e.p:.2g}" if is_number(e.p) else "–",
            f"{e.p_holm:.2g} {e.stars}" if is_number(e.p_holm) else "–",
            f"{e.wins} / {e.losses}" + (f" / {e.ties}" if e.ties else ""),
            str(len(e.by_phenotype)),
            str(e.seeds),
            str(e.left_out),
            f"{e.detectable:z.4f}" if is_number(e.detectable) else "–",
        ]
        for e in effects[:MOST_ROWS]
    ]
    rows += [[text, *[""] * 9] for text in _more(effects, MOST_ROWS)]
    columns = ["comparison", "change in R2", "95% interval", "p", "p (Holm)", "up / down",
               "phenotypes", "seeds", "pairs left out", "detectable"]  # fmt: skip
    note = "Up / down: phenotypes where the second arm is better / worse" + (
        " / neither." if any(e.ties for e in effects) else "."
    )
    notes = [note, *method_notes(effects)]
    return page.table("effects", columns, rows, numbers=range(1, 10)) + "".join(
        map(page.paragraph, notes)
    )


def _arms(data: StudyData, baseline_arms: Collection[str]) -> str:
    """The table of arms: the best first, those without a result last."""
    runs: dict[str, list[RunRow]] = {}
    for run in data.runs:
        runs.setdefault(run.arm, []).append(run)
    ceiling = _share_of_ceiling(data)
    columns = ("seconds", "num_parameters", "peak_memory")
    mean_costs = [costs(data, name, baseline_arms) for name in columns]
    rows = []
    arms = [*data.means, *(arm for arm in data.arms if arm not in data.means)]
    for arm in arms[:MOST_ROWS]:
        done = sum(run.status == "done" for run in runs[arm])
        seconds, parameters, memory = (means.get(arm) for means in mean_costs)
        rows.append([
            arm,
            str(done) if done == len(runs[arm]) else f"{done} of {len(runs[arm])}",
            f"{data.means[arm]:z.4f}" if arm in data.means else "–",
            f"{ceiling[arm]:z.1%}" if arm in ceiling else "–",
            _round_to_text(seconds) if seconds is not None else "–",
            f"{parameters:,.0f}" if parameters is not None else "–",
            f"{memory / 2**20:,.0f}" if memory is not None else "–",
        ])  # fmt: skip
    rows += [[text, *[""] * 6] for text in _more(arms, MOST_ROWS)]
    note = ""
    if set(baseline_arms) & set(arms):
        note = page.paragraph(
            "Parameters are those of trained networks; those of baselines do not compare."
        )
    if len(data.compared) < len(data.phenotypes):
        note += page.paragraph(
            f"R2 is over the {len(data.compared)} of {len(data.phenotypes)} phenotypes that every "
            f"arm has{data.so_far}: "
            f"{listed(data.compared) or 'none, so there is no fair mean yet'}."
        )
    columns = [data.arm, "runs", "mean test R2", "of noise ceiling", "seconds", "parameters",
               "peak memory (MiB)"]  # fmt: skip
    return page.table("arms", columns, rows, numbers=range(1, 7)) + note


def _share_of_ceiling(data: StudyData) -> dict[str, float]:
    """Arm -> mean of R2 over the noise ceiling, over the compared phenotypes that have one."""
    shares: dict[str, dict[str, list[float]]] = {}
    for row in data.rows:
        ceiling = row["noise_ceiling"]
        if row["phenotype"] in data.compared and is_number(ceiling) and ceiling > 0:
            by_phenotype = shares.setdefault(data.arm_of(row), {})
            by_phenotype.setdefault(row["phenotype"], []).append(row["r2"] / ceiling)
    return {arm: fmean(map(fmean, of_arm.values())) for arm, of_arm in shares.items()}


def _failed(data: StudyData, factors: Sequence[str]) -> str:
    """The failed runs by their error, since one cause often makes many fail."""
    by_error: dict[str, dict[str, None]] = {}
    for run in data.runs:
        if run.status == "failed":
            names = dict.fromkeys([data.arm, *factors, "seed"])
            where = [f"{name}={label(run.facts[name])}" for name in names
                     if run.facts[name] is not None]  # fmt: skip
            if len(run.phenotypes) == 1:
                where.append(f"phenotype={run.phenotypes[0]}")
            line = f"{', '.join(where)} ({run.facts['signature'] or 'no signature yet'})"
            by_error.setdefault(run.facts["error"] or "no error recorded", {})[line] = None
    parts = []
    for error, runs in list(by_error.items())[:MOST_ERRORS]:
        shown = [*list(runs)[:MOST_OF_AN_ERROR], *_more(runs, MOST_OF_AN_ERROR)]
        cut = error if len(error) <= LONGEST_ERROR else "… " + error[-LONGEST_ERROR:]
        parts.append(page.pre(cut) + page.bullets(shown))
    return "".join([*parts, *map(page.paragraph, _more(by_error, MOST_ERRORS))])


def _round_to_text(value: float) -> str:
    """A value with three digits, or as a whole number."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _signed(value: float) -> str:
    return f"{value:+z.4f}" if is_number(value) else "–"
