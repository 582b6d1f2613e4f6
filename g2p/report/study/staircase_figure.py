"""The staircase: R2 step by step, and below it the updates that each step needs to escape."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from g2p.core.phrases import listed, plural
from g2p.core.plot_style import BLUE, GREY, subplots
from g2p.report.study.escape_panel import draw_escape, escape_handles
from g2p.report.study.layout import (
    COLOURS,
    LINES,
    WIDTH,
    Picture,
    Values,
    below_axis_note,
    inches_of,
    legend,
    legend_inches,
    mark_below,
    r2_limits,
    slot_labels,
    wrapped,
)
from g2p.report.study.results_view import StudyData, group_by, is_number
from g2p.report.study.staircase_values import Steps, find_steps, staircase_values
from g2p.stats.compare import Effect
from g2p.stats.escape import MARGIN

BAR = {"color": BLUE, "linewidth": 1.2, "markersize": 9, "markeredgewidth": 1.2, "zorder": 3}
TREAD = "#9CC7E3"  # a light BLUE
LEFT = 0.75  # inches of an axis' labels
NARROWEST = 0.55  # inches from step to step, where the changes still fit as text
STEP = 0.85  # inches, at most


def staircase_picture(
    data: StudyData, effects: Sequence[Effect], baseline_arms: Collection[str]
) -> Picture | None:
    """The figure, where the study compares step by step and two steps have a result."""
    steps = find_steps(data, effects, baseline_arms)
    if steps is None:
        return None
    values = staircase_values(data, steps)
    means = {row["arm"]: row["value"] for row in values if row["kind"] == "mean"}
    if len(means) < 2:
        return None
    ylabel = "test R2" if len(data.compared) == 1 else "mean test R2"
    return Picture(
        name="staircase",
        heading=f"Test R2 by {data.arm}",
        caption=_caption(data, steps, values),
        description="Test R2: " + "; ".join(f"{arm} {r2:z.3f}" for arm, r2 in means.items()),
        values=values,
        draw=partial(_draw, steps, data.arm, ylabel),
    )


def _caption(data: StudyData, steps: Steps, values: Values) -> str:
    kinds = group_by(values, lambda row: row["kind"])
    n = len(data.compared)
    of = f"over {plural(n, 'phenotype')}" if n > 1 else f"on {data.compared[0]}"
    if n < len(data.phenotypes):
        of += f", the {'ones' if n > 1 else 'one'} that every arm has"
    parts = [f"Test R2 {of}: a dot with its value's line is the mean of an arm, a small point a "
             "replicate."]  # fmt: skip
    if "interval_low" in kinds:
        parts.append("Bars: one standard error of the mean over replicates.")
    counts = [row["runs"] for row in kinds["mean"]]
    if min(counts) < max(counts):
        parts.append(f"Arms have {min(counts):,} to {max(counts):,} runs{data.so_far}, so they are "
                     "not all means over the same replicates.")  # fmt: skip
    if any(is_number(row["change_in_test_r2"]) for row in kinds["mean"]):
        before = "the step before" if steps.start is None else steps.start
        parts.append(f"On top: the change from {before} (* p ≤ 0.05, ** p ≤ 0.01, *** p ≤ 0.001 "
                     "after Holm's correction).")  # fmt: skip
        compared = set(data.compared)
        if any(effect.by_phenotype.keys() - compared for effect in steps.effects.values()):
            parts.append("It is over all phenotypes that both arms have.")
    if "reference" in kinds:
        names = listed([row["arm"] for row in kinds["reference"]])
        parts.append(f"Lines across: {names}, on the same strains.")
    if "escape" in kinds or "censored" in kinds:
        parts.append(
            "Below: updates until validation R2 first is more than "
            f"{MARGIN:g} above ridge's. A small point is a run; a triangle one that ended before, "
            "after so many updates. Median and quartiles are Kaplan and Meier's; an arrow stands "
            "where the median is beyond the budget."
        )
    r2 = [row["value"] for kind in ("replicate", "mean") for row in kinds.get(kind, [])]
    return " ".join(parts) + below_axis_note(r2, ("value", "values"))


def _draw(steps: Steps, arm: str, ylabel: str, values: Values) -> Figure:
    """The figure; a study under way has steps that are empty still."""
    n = len(steps.arms)
    width = min(WIDTH, LEFT + STEP * n + 0.1)
    slot = (width - LEFT - 0.1) / n
    labels, turned = slot_labels(steps.arms, slot, 1.6)
    rows = group_by(values, lambda row: row["quantity"])
    handles = _handles(rows)
    down = len(rows)
    lines = [line for label in labels for line in label.splitlines()]
    below = max(inches_of(line, 8) for line in lines) if turned else 0.14 * max(
        label.count("\n") + 1 for label in labels
    )  # fmt: skip
    key = legend_inches([str(handle.get_label()) for handle in handles], width)
    figure, grid = subplots(
        down, 1, figsize=(width, 3.1 + 1.75 * (down - 1) + below + 0.4 + key), squeeze=False,
        layout="constrained", sharex=True, height_ratios=[3.1, 1.75][:down],
    )  # fmt: skip
    position = {name: i for i, name in enumerate(steps.arms)}
    top = grid[0, 0]
    _draw_r2(top, steps, position, rows["test_r2"], with_text=slot >= NARROWEST)
    top.set_ylabel(ylabel)
    if down > 1:
        draw_escape(grid[1, 0], position, rows["updates"])
    last = grid[-1, 0]
    last.set_xticks(range(n), labels, rotation=90 if turned else 0, fontsize=8)
    last.set(xlim=(-0.5, n - 0.5), xlabel=wrapped(arm, width - LEFT))
    for axes in grid.flat:
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y", color="#ececec")
    legend(figure, handles, width)
    return figure


def _draw_r2(axes: Axes, steps: Steps, position: dict, rows: Values, *, with_text: bool) -> None:
    of_kind = group_by(rows, lambda row: row["kind"])
    low, high = r2_limits([row["value"] for row in rows])
    # Room for the changes, above all values.
    axes.set_ylim(low, high + (0.1 * (high - low) if with_text else 0))
    for i, row in enumerate(of_kind.get("reference", [])):
        axes.axhline(row["value"], **_reference_look(i))
    means = {position[row["arm"]]: row for row in of_kind["mean"]}
    _draw_treads(axes, steps, {x: row["value"] for x, row in means.items()})
    points = [(position[row["arm"]], row["value"]) for row in of_kind.get("replicate", [])]
    axes.plot(*zip(*points, strict=True), "o", color=BLUE, markersize=3.5, alpha=0.5,
              markeredgewidth=0, zorder=2.5)  # fmt: skip
    for ends in zip(of_kind.get("interval_low", []), of_kind.get("interval_high", []), strict=True):
        x, y = [position[row["arm"]] for row in ends], [row["value"] for row in ends]
        axes.plot(x, y, "_-", **BAR)
    for x, row in means.items():
        axes.plot(x, row["value"], "o", color=BLUE, markersize=5.5, markeredgecolor="white",
                  markeredgewidth=0.6, zorder=4)  # fmt: skip
        if with_text and is_number(row["change_in_test_r2"]):
            text = f"{row['change_in_test_r2']:+z.3f}\n{row['stars'] or ' '}"
            axes.text(x, 0.99, text, transform=axes.get_xaxis_transform(), ha="center", va="top",
                      fontsize=8, linespacing=1.0,
                      color="black" if row["stars"] else GREY)  # fmt: skip
    mark_below(axes, points, BLUE)


def _draw_treads(axes: Axes, steps: Steps, means: dict[int, float]) -> None:
    """The stairs of a ladder; in an ablation the level of its start, and a stem to each mean."""
    look = {"color": TREAD, "linewidth": 2, "zorder": 2, "solid_capstyle": "butt"}
    if steps.start is None:
        for first in means:
            if first - 1 not in means:  # a flight of stairs ends where a step has no result yet
                flight = list(itertools.takewhile(means.__contains__, itertools.count(first)))
                ends = [x + side for x in flight for side in (-0.5, 0.5)]
                axes.plot(ends, [means[x] for x in flight for _ in range(2)], **look)
        return
    start = means.get(steps.arms.index(steps.start))
    if start is not None:
        axes.axhline(start, **look)
        for x, r2 in means.items():
            axes.plot([x, x], [start, r2], **look)


def _reference_look(i: int) -> dict:
    return {"color": ("#404040", *COLOURS[3:])[i % 5], "linestyle": LINES[1 + i % 3],
            "linewidth": 1.1, "zorder": 1.5}  # fmt: skip


def _handles(rows: Mapping[str, Values]) -> list[Line2D]:
    of_kind = group_by(rows["test_r2"], lambda row: row["kind"])
    bars = "interval_low" in of_kind
    handles = [
        Line2D([], [], label=f"mean{', one standard error' if bars else ''}", color=BLUE,
               marker="o", markersize=5.5, linewidth=1.2),
        Line2D([], [], label="a replicate", color=BLUE, marker="o", linestyle="none",
               markersize=3.5, markeredgewidth=0, alpha=0.5),
    ]  # fmt: skip
    handles += [
        Line2D([], [], label=f"{row['arm']}: {row['value']:z.3f}", **_reference_look(i))
        for i, row in enumerate(of_kind.get("reference", []))
    ]
    return [*handles, *escape_handles(rows.get("updates", []))]
