"""R2 of a study's arms against the strains that they learn from, on a logarithmic axis."""

from collections.abc import Mapping, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from g2p.core.formatting import label
from g2p.core.phrases import plural
from g2p.core.plot_style import GREY, subplots
from g2p.report.study.curves import x_positions
from g2p.report.study.factor_values import AXES, N_TRAIN, factor_values, sort_values
from g2p.report.study.layout import (
    LINES,
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
from g2p.report.study.published_results import FEWEST_STRAINS, PublishedPoint
from g2p.report.study.results_view import StudyData, group_by

AXIS = AXES[N_TRAIN]
SCALING = f"r2_by_{AXIS.name}"  # name of the figure
ZOOM = 1000  # strains, from which on curves are close to each other
PUBLISHED = "published"  # kind of a value
SHOWN = ("run", "mean", "interval_low", "interval_high")
PUBLISHED_NOTE = (
    f"Grey: published curves of EpiK's Gaussian processes (Zhou et al. 2025) on this panel, from "
    f"{FEWEST_STRAINS:,} strains on, mean and standard error of three draws. They took the data's "
    "standard errors for variances, so they may lie below what these models can reach."
)


def scaling_picture(data: StudyData, published: Sequence[PublishedPoint] = ()) -> Picture | None:
    """A curve for each arm, where the number of strains has several values among finished runs."""
    if N_TRAIN not in data.table.column_names:
        return None
    values = scaling_values(data, published)
    means = [row for row in values if row["kind"] == "mean"]
    if len({row[N_TRAIN] for row in means}) < 2:
        return None
    return Picture(
        name=SCALING,
        heading=AXIS.heading,
        caption=_caption(data, values),
        description="; ".join(
            f"{line}: " + ", ".join(f"{label(row[N_TRAIN])} {row['test_r2']:z.3f}" for row in rows)
            for line, rows in group_by(means, lambda row: row["line"]).items()
        ),
        values=values,
        draw=partial(_draw, data.arms),
    )


def scaling_values(data: StudyData, published: Sequence[PublishedPoint] = ()) -> list[dict]:
    """All drawn values: of one phenotype its runs, the means and their errors, published points.

    Of several phenotypes the means are over those that every point has, and runs are not drawn.
    """
    values = [row for row in factor_values(data, N_TRAIN) if row["kind"] in SHOWN]
    if len(data.phenotypes) > 1:
        values = [row for row in values if row["kind"] != "run"]
    if not values:
        return []
    empty = dict.fromkeys(values[0])
    for point in published:
        ends = {"": 0.0, "_low": -point.error, "_high": point.error}
        values += [
            empty | {"kind": PUBLISHED + end, "line": f"EpiK, {point.model}",
                     N_TRAIN: point.n_train, "test_r2": point.r2 + shift}
            for end, shift in ends.items()
        ]  # fmt: skip
    return values


def _caption(data: StudyData, values: Values) -> str:
    kinds = {row["kind"] for row in values}
    n = next(row["phenotypes"] for row in values if row["kind"] == "mean")
    total = len(data.phenotypes)
    if total == 1:
        parts = [f"Test R2 on {data.phenotypes[0]}: a small point is a run, a line joins means."]
    else:
        of = f" of {total}, those that every point has" if n < total else ""
        parts = [f"Test R2, mean over {plural(n, 'phenotype')}{of}."]
    parts.append("Strains to learn from include those for validation.")
    if "interval_low" in kinds:
        parts.append("Bars: one standard error of the mean over replicates (seeds).")
    if PUBLISHED in kinds:
        parts.append(PUBLISHED_NOTE)
    r2 = [row["test_r2"] for row in values if row["kind"] in ("run", "mean")]
    return " ".join(parts) + below_axis_note(r2, ("value", "values"))


def _draw(order: Sequence[str], values: Values) -> Figure:
    """All values and, where there are some to the left of it, once more those from `ZOOM` on."""
    lines = list(dict.fromkeys(row["line"] for row in values))
    published = {row["line"] for row in values if row["kind"] == PUBLISHED}
    measured = [line for line in lines if line not in published]
    looks = {line: style(order.index(line) if line in order else i)
             for i, line in enumerate(measured)}  # fmt: skip
    looks |= {line: _published_look(i) for i, line in enumerate(sorted(published))}
    x_of = x_positions(
        sort_values({row[N_TRAIN] for row in values if row["line"] in measured}), AXIS
    )
    points = [(x_of.get(row[N_TRAIN], row[N_TRAIN]), row) for row in values]
    starts = [0.0, ZOOM] if min(x_of.values()) < ZOOM < sorted(x_of.values())[-2] else [0.0]
    handles = [Line2D([], [], label=line, **look) for line, look in looks.items()]
    across = len(starts)
    width = 7.2 if across == 1 else WIDTH
    key = legend_inches([str(handle.get_label()) for handle in handles], width)
    figure, grid = subplots(
        1, across, figsize=(width, 3.6 + key), layout="constrained", squeeze=False
    )
    for axes, start in zip(grid.flat, starts, strict=True):
        panel = [(x, row) for x, row in points if x >= start]
        axes.set_ylim(*r2_limits([row["test_r2"] for _, row in panel]))
        axes.set_xscale("log")
        of_line = group_by(panel, lambda point: point[1]["line"])
        for line in reversed(looks):  # published curves behind
            _draw_curve(axes, of_line.get(line, []), looks[line])
        ticks = {x: value for value, x in x_of.items() if x >= start}
        texts = [value if isinstance(value, str) else f"{value:,g}" for value in ticks.values()]
        set_tick_labels(axes.xaxis, list(ticks), texts, width / across - 1.0)
        axes.set(xlabel=AXIS.xlabel, ylabel=r2_label(values))
        axes.set_title(f"from {ZOOM:,} strains on" if start else "", fontsize=9)
        axes.grid(axis="y", color="#e8e8e8")
    legend(figure, handles, width)
    return figure


def _published_look(position: int) -> dict:
    return {
        "color": GREY, "marker": "", "linestyle": LINES[position % len(LINES)], "linewidth": 0.9
    }  # fmt: skip


def _draw_curve(axes: Axes, points: Sequence[tuple[float, Mapping]], look: dict) -> None:
    """Draw one curve, if it has any point, its bars and its runs, from its values as (x, row)."""
    kinds = group_by(points, lambda point: point[1]["kind"])
    xy = {kind: [(x, row["test_r2"]) for x, row in each] for kind, each in kinds.items()}
    for x, r2 in xy.get("run", []):
        axes.plot(x, r2, ".", color=look["color"], markersize=4, alpha=0.5, markeredgewidth=0)
    for low, high in (("interval_low", "interval_high"), (f"{PUBLISHED}_low", f"{PUBLISHED}_high")):
        for ends in zip(xy.get(low, []), xy.get(high, []), strict=True):
            axes.plot(*zip(*ends, strict=True), "_-", color=look["color"], linewidth=0.9,
                      markersize=5)  # fmt: skip
    curve = [*xy.get("mean", []), *xy.get(PUBLISHED, [])]
    axes.plot(
        [x for x, _ in curve], [r2 for _, r2 in curve], **{"linewidth": 1.4, "markersize": 5} | look
    )
    mark_below(axes, [*xy.get("run", []), *xy.get("mean", [])], look["color"])
