"""The table of scores: each arm's R2 and Pearson's r on each phenotype, with standard errors.

In: a study's results. Where runs of one arm differ in settings, as in the number of layers, each
setting has scores of its own. The mean over phenotypes is over those that every arm has.
"""

from collections.abc import Sequence
from statistics import fmean

from g2p.core.formatting import label
from g2p.core.phrases import plural
from g2p.report.study.limits import cut_rows
from g2p.report.study.page import Block, Link, Paragraph, Table
from g2p.report.study.results_view import StudyData, group_by, is_number
from g2p.report.study.values import repeat_of, standard_error
from g2p.stats.escape import curve_of_runs, escape_runs

FILE = "scores.csv"
SCORES = {"r2": "r2", "pearson": "r"}  # column of the results -> prefix of ours


def score_rows(data: StudyData) -> list[dict]:
    """Return a row for each arm and setting on each phenotype, and for their mean over phenotypes.

    Columns: the arm, the settings, `phenotype` (None for the mean), `phenotypes` (how many),
    `runs`, `r2_mean`, `r2_se`, `r_mean`, `r_se` (r is Pearson's), `escaped` (how many of the runs
    have left their additive plateau) and `escape_updates` (the median, if half of them have).
    """
    names = [data.arm, *data.settings]
    rows = []
    for values, group in group_by(data.rows, lambda row: tuple(row[n] for n in names)).items():
        factors = dict(zip(names, map(label, values), strict=True))
        by_phenotype = group_by(group, lambda row: row["phenotype"])
        for name, each in by_phenotype.items():
            rows.append(factors | {"phenotype": name} | _scores(data, each, [name]))
        if len(data.compared) > 1 and set(data.compared) <= by_phenotype.keys():
            compared = [row for row in group if row["phenotype"] in data.compared]
            rows.append(factors | {"phenotype": None} | _scores(data, compared, data.compared))
    return rows


def _scores(data: StudyData, rows: Sequence[dict], phenotypes: Sequence[str]) -> dict:
    """Return the scores of these phenotypes, which count alike, and their standard errors."""
    cells = {
        "phenotypes": len(phenotypes), "runs": len({row["signature"] for row in rows}),
        "r2_mean": None, "r2_se": None, "r_mean": None, "r_se": None,
        "escaped": None, "escape_updates": None,
    }  # fmt: skip
    if runs := escape_runs(rows):
        curve = curve_of_runs(runs)
        cells |= {"escaped": curve.escaped, "escape_updates": curve.median}
    by_phenotype = group_by(rows, lambda row: row["phenotype"]).values()
    for column, prefix in SCORES.items():
        if all(is_number(row.get(column)) for row in rows):
            means = [fmean(row[column] for row in each) for each in by_phenotype]
            cells[f"{prefix}_mean"] = fmean(means)
            cells[f"{prefix}_se"] = standard_error(rows, repeat_of(data), phenotypes, score=column)
    return cells


def scores_section(rows: Sequence[dict], arm: str, settings: Sequence[str]) -> list[Block]:
    """Return phenotypes by arms, or arms by phenotypes where these are fewer; the best in bold.

    Args:
        rows: as `score_rows` gives them, of the arms to show.
        arm, settings: their columns that say which arm it is.
    """
    if not rows:
        return []
    cells = {(row["phenotype"], _arm(row, arm, settings)): row for row in rows}
    # The mean, if there is one, comes last.
    phenotypes = sorted(dict.fromkeys(name for name, _ in cells), key=lambda name: name is None)
    arms = list(dict.fromkeys(name for _, name in cells))
    best = {
        name: max(row["r2_mean"] for (phenotype, _), row in cells.items() if phenotype == name)
        for name in phenotypes
    }
    by_phenotype = len(phenotypes) > len(arms)
    grid = [[(name, each) for each in arms] for name in phenotypes]
    grid = grid if by_phenotype else list(map(list, zip(*grid, strict=True)))
    names = [_phenotype_name(name, rows) for name in phenotypes]
    down, across = (names, arms) if by_phenotype else (arms, names)
    table = [
        [name, *(_text(cells.get(key)) for key in keys)]
        for name, keys in zip(down, grid, strict=True)
    ]
    highlighted = frozenset(
        (i, j) for i, keys in enumerate(grid) for j, key in enumerate(keys, start=1)
        if len(arms) > 1 and key in cells and cells[key]["r2_mean"] == best[key[0]]
    )  # fmt: skip
    corner = "phenotype" if by_phenotype else ", ".join([arm, *settings])
    numbers = range(1, len(across) + 1)
    return [
        Paragraph(
            "Test R2: its mean ± one standard error over repeats, and Pearson's r. The best of "
            "each phenotype is highlighted."
        ),
        Table("scores", [corner, *across], cut_rows(table), numbers, highlighted),
        Link("All digits, and the standard error of r:", FILE),
    ]


def _arm(row: dict, arm: str, settings: Sequence[str]) -> str:
    values = [f"{name} {row[name]}" for name in settings if row[name] != label(None)]
    return ", ".join([row[arm], *values])


def _phenotype_name(name: str | None, rows: Sequence[dict]) -> str:
    if name is not None:
        return name
    n = next(row["phenotypes"] for row in rows if row["phenotype"] is None)
    return f"mean of {plural(n, 'phenotype')}"


def _text(row: dict | None) -> str:
    if row is None:
        return "–"
    error = f" ± {row['r2_se']:.4f}" if is_number(row["r2_se"]) else ""
    r = f", r {row['r_mean']:z.3f}" if is_number(row["r_mean"]) else ""
    return f"{row['r2_mean']:z.4f}{error}{r}"
