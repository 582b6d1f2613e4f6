"""R2 of a study's arms against a factor that is a number: layers, known values, epsilon."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from g2p.core.formatting import label
from g2p.core.phrases import plural
from g2p.core.plot_style import subplots
from g2p.report.study.factor_values import AXES, CEILING, Axis, factor_values, sort_values
from g2p.report.study.layout import (
    WIDTH,
    Picture,
    Values,
    below_axis_note,
    legend,
    legend_inches,
    mark_below,
    r2_label,
    r2_limits,
    set_tick_labels,
    style,
)
from g2p.report.study.results_view import StudyData, group_by

MOST_POINTS = 3000  # that are drawn as shapes
OVER_PHENOTYPES = ("mean", "interval_low", "interval_high", CEILING)


def factor_picture(data: StudyData, factor: str) -> Picture | None:
    """A line for each arm, where the factor has several values among the finished runs."""
    axis = AXES[factor]
    if factor not in data.table.column_names:
        return None
    values = factor_values(data, factor)
    if len({row[factor] for row in values if row[factor] is not None}) < 2:
        return None
    means = group_by((row for row in values if row["kind"] == "mean"), lambda row: row["line"])
    shown = [
        f"{line}: " + ", ".join(
            ("" if row[factor] is None else f"{label(row[factor])} ") + f"{row['test_r2']:z.3f}"
            for row in rows
        )
        for line, rows in means.items()
    ]  # fmt: skip
    return Picture(
        name=f"r2_by_{axis.name}",
        heading=axis.heading,
        caption=_caption(data, values, factor),
        description="; ".join(shown),
        values=values,
        draw=partial(_draw, data.arms, factor),
    )


def _caption(data: StudyData, values: Values, factor: str) -> str:
    kinds = {row["kind"] for row in values}
    means = [row for row in values if row["kind"] == "mean"]
    n, total = means[0]["phenotypes"] if means else 0, len(data.phenotypes)
    points = "a small point is a run, a {} line joins means over {}runs"
    if total == 1:
        parts = [f"Test R2 on {data.phenotypes[0]}: {points.format('thick', '')}."]
    elif n:
        of = f" of {total}, those that every point has" if n < total else ""
        parts = [
            f"First the mean over {plural(n, 'phenotype')}{of}, then each phenotype: "
            f"{points.format('thin', 'its ')}. Each panel has its own axis."
        ]
    else:
        parts = [
            "No phenotype has a result at every point, so there is no fair mean. Each phenotype: "
            f"{points.format('thin', 'its ')}."
        ]
    if "interval_low" in kinds:
        parts.append("Bars: one standard error of the mean over repeated runs (seeds), not over "
                     "phenotypes.")  # fmt: skip
    if CEILING in kinds:
        parts.append("Black: the noise ceiling.")
    if any(row[factor] is None for row in means):
        parts.append(f"A line without markers is an arm that has no {factor}.")
    r2 = [row["test_r2"] for row in values if row["kind"] in ("run", "mean")]
    return " ".join(parts) + below_axis_note(r2, ("value", "values"))


def _draw(order: Sequence[str], factor: str, values: Values) -> Figure:
    axis = AXES[factor]
    lines = list(dict.fromkeys(row["line"] for row in values if row["line"] is not None))
    looks = {line: style(order.index(line) if line in order else i)
             for i, line in enumerate(lines)}  # fmt: skip
    several = len({row["phenotype"] for row in values if row["phenotype"]}) > 1
    means = [row for row in values if row["kind"] in OVER_PHENOTYPES]
    single = [row for row in values if row["kind"] in ("run", "phenotype_mean")]
    # A single phenotype's runs are drawn around their mean.
    parts = {"mean over phenotypes": means, "each phenotype": single}
    parts = {k: v for k, v in parts.items() if v} if several else {"": [*means, *single]}
    across = len(parts)
    width = 7.2 if across == 1 else WIDTH
    ceiling = any(row["kind"] == CEILING for row in values)
    handles = [Line2D([], [], label=line, **_legend_look(looks[line], line, values, factor))
               for line in lines]  # fmt: skip
    handles += [Line2D([], [], label="noise ceiling", color="black", linewidth=1)] * ceiling
    figure, grid = subplots(
        1, across, layout="constrained", squeeze=False,
        figsize=(width, 3.2 + legend_inches([str(h.get_label()) for h in handles], width)),
    )  # fmt: skip
    labels = {row[factor] for row in values if row[factor] is not None}
    x_of = x_positions(sort_values(labels), axis)
    for axes, (title, rows) in zip(grid.flat, parts.items(), strict=True):
        axes.set_ylim(*r2_limits([row["test_r2"] for row in rows]))
        axes.set_xscale("log" if axis.log else "linear")
        for line, line_rows in group_by(rows, lambda row: row["line"]).items():
            _line(axes, [(x_of.get(row[factor]), row) for row in line_rows], looks.get(line),
                  rasterized=len(values) > MOST_POINTS)  # fmt: skip
        axes.set_title(title, fontsize=9)
        axes.set(xlabel=axis.xlabel, ylabel=r2_label(values))
        axes.grid(axis="y", color="#e8e8e8")
        set_tick_labels(axes.xaxis, list(x_of.values()), [*map(label, x_of)], width / across - 1.0)
    legend(figure, handles, width)
    return figure


def _legend_look(look: dict, line: str, values: Values, factor: str) -> dict:
    """The look of a line, without markers where it has no value of the factor."""
    has_x = any(row["line"] == line and row[factor] is not None for row in values)
    return look if has_x else look | {"marker": ""}


def _line(axes: Axes, points: list[tuple], look: dict | None, *, rasterized: bool) -> None:
    """The values of one line, as (x, row); `look` is None for the noise ceiling's."""
    kinds = group_by(points, lambda point: point[1]["kind"])
    xy = {kind: [(x, row["test_r2"]) for x, row in kind_points]
          for kind, kind_points in kinds.items()}  # fmt: skip
    if look is None:
        axes.plot(*zip(*xy[CEILING], strict=True), color="black", linewidth=1, zorder=1.5)
        return
    colour, thin = look["color"], look | {"marker": "", "linewidth": 0.7, "alpha": 0.6}
    if "run" in xy:
        axes.plot(*zip(*xy["run"], strict=True), ".", color=colour, markersize=4, alpha=0.7,
                  markeredgewidth=0, rasterized=rasterized)  # fmt: skip
    if "mean" not in xy:  # the thin lines of phenotypes have no thick one over them
        for curve in group_by(kinds.get("phenotype_mean", []),
                           lambda point: point[1]["phenotype"]).values():  # fmt: skip
            axes.plot([x for x, _ in curve], [row["test_r2"] for _, row in curve], **thin)
    for (x, low), (_, high) in zip(
        xy.get("interval_low", []), xy.get("interval_high", []), strict=True
    ):
        ends: dict[str, Any] = {"transform": axes.get_yaxis_transform()} if x is None else {}
        axes.plot([0.5 if x is None else x] * 2, [low, high], "_-", color=colour, linewidth=0.9,
                  markersize=5, **ends)  # fmt: skip
    for x, r2 in xy.get("mean", []):
        if x is None:
            axes.axhline(r2, **look | {"marker": "", "linewidth": 1.4})
    joined = [(x, r2) for x, r2 in xy.get("mean", []) if x is not None]
    if joined:
        axes.plot(*zip(*joined, strict=True), linewidth=1.4, markersize=5, **look)
    mark_below(axes, [p for kind in ("run", "mean") for p in xy.get(kind, []) if p[0] is not None],
               colour)  # fmt: skip


def x_positions(values: list, axis: Axis) -> dict:
    """Value -> its x. On a log scale 0 is one step before the rest, and null one step after."""
    if not axis.log:
        return {x: x for x in values}
    numbers = [x for x in values if isinstance(x, int | float) and x > 0] or [1]
    step = max((max(numbers) / min(numbers)) ** (1 / 6), 1.6)
    ends = {0: min(numbers) / step, axis.null: max(numbers) * step}
    return {x: ends.get(x, x) for x in values}
