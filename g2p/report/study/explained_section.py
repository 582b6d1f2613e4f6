"""The section of a report on explanations: what the models of each arm found."""

from collections.abc import Sequence
from math import isnan

from rich import box
from rich.table import Column
from rich.table import Table as TerminalTable

from g2p.core.console import Console
from g2p.report.study.page import Block, Link, Paragraph, Table
from g2p.stats.recovery import FILE, MEASURES, Mean, Recovered, arm_differences, arm_means

HEADINGS = {
    "recall": "recall", "fdr": "fdr", "claims": "claims", "additive": "additive",
    "pairwise": "pairwise", "higher": "higher", "published": "r with published",
}  # fmt: skip
NOTE = (
    "Mean over seeds and its 95% interval (Student's t). A model claims a pair of loci if it "
    "proposes the pair and the test strains confirm it (q at most 0.05 over all phenotypes). "
    "Recall: of the true pairs with at least 0.5% of a phenotype's variance, the share that is "
    "claimed; fdr: the share of claims that are of no true pair. Additive, pairwise and "
    "higher: shares of the variance of predictions."
)
DIFFERENCES_NOTE = (
    "Difference of recall between two arms over the seeds that both have: mean, 95% interval, and "
    "p of the paired t-test, which takes seeds as independent; not corrected for their number."
)


def explained_section(rows: Sequence[Recovered], pairs: Sequence[tuple[str, str]]) -> list[Block]:
    """Return a table of means, and one of differences of recall; nothing without explanations."""
    if not rows:
        return []
    columns, cells, n_numbers = _means(rows)
    numbers = range(len(columns) - n_numbers, len(columns))
    blocks: list[Block] = [
        Table("what the models found", columns, cells, numbers=numbers),
        Paragraph(NOTE),
        Link("A row for each run:", FILE),
    ]
    if differences := arm_differences(rows, "recall", pairs):
        has_settings = len({settings for *_, settings in differences}) > 1
        columns = ["comparison", *["setting"] * has_settings, "seeds", "change in recall", "p"]
        cells = [
            [
                f"{a} → {b}", *[settings] * has_settings, str(mean.n), format_mean(mean, "+"),
                "–" if isnan(mean.p) else f"{mean.p:.2g}",
            ]
            for (a, b, settings), mean in differences.items()
        ]  # fmt: skip
        numbers = range(len(columns) - 3, len(columns))
        blocks += [Table("recall compared", columns, cells, numbers=numbers),
                   Paragraph(DIFFERENCES_NOTE)]  # fmt: skip
    return blocks


def print_recovery(rows: Sequence[Recovered], console: Console) -> None:
    """Print the means of each arm."""
    columns, cells, n_numbers = _means(rows)
    table = TerminalTable(
        *columns[:-n_numbers],
        *(Column(name, justify="right", no_wrap=True) for name in columns[-n_numbers:]),
        title="what the models found, mean over seeds", box=box.SIMPLE,
    )  # fmt: skip
    for row in cells:
        table.add_row(*(cell.partition(" [")[0] for cell in row))
    console.print(table)


def _means(rows: Sequence[Recovered]) -> tuple[list[str], list[list[str]], int]:
    """Return the columns of the table of means, its rows, and how many columns are numbers."""
    means = {name: arm_means(rows, name) for name in MEASURES}
    shown = [name for name in MEASURES if means[name]]
    arms = list(dict.fromkeys((row.arm, row.settings) for row in rows))
    has_settings = len({settings for _, settings in arms}) > 1
    columns = ["arm", *["setting"] * has_settings, "runs", *(HEADINGS[name] for name in shown)]
    cells = [
        [
            arm, *[settings] * has_settings,
            str(sum((row.arm, row.settings) == (arm, settings) for row in rows)),
            *(format_mean(means[name].get((arm, settings))) for name in shown),
        ]
        for arm, settings in arms
    ]  # fmt: skip
    return columns, cells, len(shown) + 1


def format_mean(mean: Mean | None, sign: str = "") -> str:
    """Return a mean with its interval, where it has one."""
    if mean is None:
        return "–"
    text = f"{mean.mean:{sign}z.2f}"
    return text if isnan(mean.low) else f"{text} [{mean.low:z.2f}, {mean.high:z.2f}]"
