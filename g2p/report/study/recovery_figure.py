"""Recall and false claims of each arm: a point a run, the mean and its interval."""

from collections.abc import Sequence
from math import isnan

from matplotlib.figure import Figure

from g2p.core.plot_style import BLUE, GREY, subplots
from g2p.report.study.layout import WIDTH, Picture, Values, wrapped
from g2p.report.study.results_view import group_by
from g2p.stats.recovery import Recovered, arm_means

NAME = "recovery"
SHOWN = {"recall": "recall of true pairs", "fdr": "share of claims that are false"}


def recovery_picture(rows: Sequence[Recovered]) -> Picture | None:
    """Return the figure; None where no panel knows what is true."""
    values = recovery_values(rows)
    if not values:
        return None
    return Picture(
        name=NAME,
        heading="How much of what is true was found",
        caption="A grey point is a run; blue: mean over seeds and its 95% interval (Student's t).",
        description="; ".join(
            f"{row['arm']}: {row['measure']} {row['value']:z.2f}"
            for row in values if row["kind"] == "mean"
        ),
        values=values,
        draw=_draw,
    )  # fmt: skip


def recovery_values(rows: Sequence[Recovered]) -> list[dict]:
    """Return all drawn values: of each run, and of each arm the mean and the interval's ends."""
    values = []
    for measure in SHOWN:
        values += [
            {"kind": "run", "arm": _label(row.arm, row.settings), "measure": measure,
             "seed": row.seed, "value": getattr(row, measure)}
            for row in rows if getattr(row, measure) is not None
        ]  # fmt: skip
        for (arm, settings), mean in arm_means(rows, measure).items():
            ends = {"interval_low": mean.low, "mean": mean.mean, "interval_high": mean.high}
            values += [
                {"kind": kind, "arm": _label(arm, settings), "measure": measure, "seed": None,
                 "value": value}
                for kind, value in ends.items() if not isnan(value)
            ]  # fmt: skip
    return values


def _label(arm: str, settings: str) -> str:
    return f"{arm} ({settings})" if settings else arm


def _draw(values: Values) -> Figure:
    arms = list(dict.fromkeys(row["arm"] for row in values))
    height = 0.34 * len(arms) + 0.9
    figure, grid = subplots(1, 2, figsize=(WIDTH, height), layout="constrained", squeeze=False)
    for axes, (measure, label) in zip(grid.flat, SHOWN.items(), strict=True):
        of_measure = [row for row in values if row["measure"] == measure]
        for arm, rows in group_by(of_measure, lambda row: row["arm"]).items():
            y = arms.index(arm)
            x = {kind: [row["value"] for row in cells]
                 for kind, cells in group_by(rows, lambda row: row["kind"]).items()}  # fmt: skip
            runs = x.get("run", [])
            axes.plot(runs, [y] * len(runs), "|", color=GREY, markersize=8)
            ends = [*x.get("interval_low", []), *x.get("interval_high", [])]
            axes.plot(ends, [y] * len(ends), color=BLUE, linewidth=2)
            axes.plot(x["mean"], [y], "o", color=BLUE, markersize=6)
        axes.set_yticks(range(len(arms)), [wrapped(arm, WIDTH * 0.2) for arm in arms])
        # A share: of few runs an interval may reach beyond.
        axes.set(ylim=(len(arms) - 0.5, -0.5), xlim=(-0.03, 1.03), xlabel=label)
        axes.grid(axis="y", color="#e8e8e8")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    return figure
