"""R2 by phenotype and arm, laid out like figure 3 of Rijal et al. 2025: phenotypes side by side,
the arms of each next to one another, every run a point."""

import math
from collections.abc import Callable, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from g2p.core.phrases import listed, plural
from g2p.core.plot_style import GREY, subplots
from g2p.report.study.layout import (
    MARKERS,
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
    style,
)
from g2p.report.study.published_results import Published
from g2p.report.study.results_view import StudyData, group_by, is_number, mean_r2
from g2p.report.study.values import SAME, error_of_arm, interval_ends, reference, references

SLOT = 0.07  # inches for an arm, at least
GAP = 1.5  # slots between phenotypes
MOST_POINTS = 3000  # that are drawn as shapes; a picture of more is smaller than their list
KINDS = ("run", "mean", "interval_low", "interval_high")
LINES: dict[str, tuple[str, LineStyleType, str]] = {
    "noise_ceiling": ("noise ceiling", "-", "black"),
    "ridge_r2": ("ridge, same split", ":", GREY),
}


def phenotype_picture(data: StudyData, published: Sequence[Published]) -> Picture | None:
    if not data.rows:
        return None
    published = [model for model in published if model.r2.keys() & set(data.phenotypes)]
    values = phenotype_values(data, published)
    arms, names = len({row["arm"] for row in values if row["kind"] == "run"}), len(data.phenotypes)
    return Picture(
        name="r2_by_phenotype",
        heading=f"Test R2 by phenotype and {data.arm}",
        caption=_caption(data, published, values),
        description=f"Test R2 of {plural(arms, 'arm')} on {plural(names, 'phenotype')}; the means "
        "over phenotypes are in the table of arms.",
        values=values,
        draw=partial(_draw, data.arms, published),
    )


def phenotype_values(data: StudyData, published: Sequence[Published]) -> list[dict]:
    """All drawn values: runs, their mean, published values, and lines that hold for every arm."""
    cells = group_by(data.rows, lambda row: (row["phenotype"], data.arm_of(row)))
    beside = references(data.table)
    lines = {line: reference(data.rows, beside[line], data.arm_of) for line in LINES}
    values = []

    def add(kind: str, phenotype: str, arm: str | None, r2: float, **more) -> None:
        empty = {"seed": None, "runs": None, "signature": None}
        row = {"kind": kind, "phenotype": phenotype, "arm": arm, "test_r2": r2}
        values.append(row | empty | more)

    for name in data.phenotypes:
        for arm in data.arms:
            rows = cells.get((name, arm), [])
            for row in rows:
                add("run", name, arm, row["r2"], seed=row["seed"], signature=row["signature"])
            if rows:
                mean = mean_r2(rows)
                ends = interval_ends(mean, error_of_arm(data, rows, [name]))
                for kind, r2 in {"mean": mean, **ends}.items():
                    add(kind, name, arm, r2, runs=len(rows))
        for model in published:
            if name in model.r2:
                add("published", name, model.name, model.r2[name])
        for line, r2 in lines.items():
            if name in r2:
                add(line, name, None, r2[name])
    return values


def _varies(data: StudyData, value: Callable[[dict], float | None]) -> bool:
    """Whether a value differs between runs of one phenotype, as where panels differ."""
    cells = [(row["phenotype"], score) for row in data.rows if is_number(score := value(row))]
    by_phenotype = group_by(cells, lambda cell: cell[0])
    scores = ([score for _, score in each] for each in by_phenotype.values())
    return any(max(each) - min(each) > SAME for each in scores)


def _caption(data: StudyData, published: Sequence[Published], values: Values) -> str:
    parts = [
        "Each small point is a run, each large marker the mean of an arm, or its one run; arms "
        "are in the legend's order."
    ]
    if any(row["kind"] == "interval_low" for row in values):
        parts.append("Bars: one standard error of the mean over repeated runs.")
    if data.varying:
        parts.append(f"Runs of an arm differ in {listed(data.varying)} too.")
    if published:
        sources = "; ".join(f"{model.name}: {model.source}" for model in published)
        parts.append(f"Open markers are published values ({sources}).")
    beside = references(data.table)
    drawn = [line for line in LINES if any(row["kind"] == line for row in values)]
    if averaged := [LINES[line][0] for line in drawn if _varies(data, beside[line])]:
        parts.append(f"So do the reference values ({listed(averaged)}): a line is the mean.")
    for line, value in beside.items():
        with_value = {
            row["phenotype"] for row in data.rows
            if is_number(value(row)) or is_number(row.get(line))
        }  # fmt: skip
        n = len(with_value - {row["phenotype"] for row in values if row["kind"] == line})
        if n:
            without = plural(n, "phenotype")
            parts.append(f"No line of {LINES[line][0]} where arms differ in it ({without}).")
    runs = [row["test_r2"] for row in values if row["kind"] == "run"]
    return " ".join(parts) + below_axis_note(runs, ("run", "runs"))


def _draw(order: Sequence[str], published: Sequence[Published], values: Values) -> Figure:
    """The figure; `order` is that of the study's arms, which gives them their look."""
    arms = [arm for arm in order if any(row["arm"] == arm and row["kind"] == "run"
                                        for row in values)]  # fmt: skip
    slots = len(arms) + len(published)
    cells = group_by(values, lambda row: (row["kind"], row["phenotype"], row["arm"]))
    r2 = {key: [row["test_r2"] for row in rows] for key, rows in cells.items()}
    names = list(dict.fromkeys(row["phenotype"] for row in values))
    # The narrowest group fits a name of four letters.
    group = max(0.42, (slots + GAP) * SLOT)
    rows = math.ceil(len(names) / max(1, int((WIDTH - 0.8) / group)))
    columns = math.ceil(len(names) / rows)
    # Many arms have a long legend, which several columns shorten.
    width = min(WIDTH, max(4.4 if slots < 7 else 7.2, 0.8 + columns * 2.2 * group))
    group_width = (width - 0.8) / columns
    labels, turned = slot_labels(names, group_width, 1.6)
    height = 2.1 + (max(inches_of(line, 8) for name in labels for line in name.splitlines())
                    if turned else 0.2)  # fmt: skip
    looks = {arm: style(order.index(arm)) for arm in arms}
    handles = _handles(looks, order, published, {row["kind"] for row in values})
    key = legend_inches([str(handle.get_label()) for handle in handles], width)
    figure, grid = subplots(
        rows, 1, figsize=(width, rows * height + key), layout="constrained", squeeze=False,
        sharey=True,
    )  # fmt: skip
    grid[0, 0].set_ylim(*r2_limits([row["test_r2"] for row in values]))
    for row, axes in enumerate(grid.flat):
        row_names = names[row * columns : (row + 1) * columns]
        _groups(axes, row_names, slots, r2)
        for i, (arm, look) in enumerate(looks.items()):
            for j, name in enumerate(row_names):
                of_arm = {kind: r2.get((kind, name, arm), []) for kind in KINDS}
                _arm(axes, _x_position(j, i, slots), of_arm, look,
                     rasterized=len(values) > MOST_POINTS)  # fmt: skip
        for i, model in enumerate(published, start=len(arms)):
            points = [(_x_position(j, i, slots), value) for j, name in enumerate(row_names)
                     for value in r2.get(("published", name, model.name), [])]  # fmt: skip
            look = _open_marker(order, model, i - len(arms))
            axes.plot(*zip(*points, strict=True) if points else ((), ()), **look)
        axes.set(xlim=(-0.5, columns - 0.5), ylabel="test R2")
        axes.spines["bottom"].set_bounds(-0.5, len(row_names) - 0.5)
        axes.set_xticks(range(len(row_names)), labels[row * columns :][: len(row_names)],
                        rotation=90 if turned else 0, fontsize=8)  # fmt: skip
        axes.tick_params(axis="x", length=0)
    legend(figure, handles, width)
    return figure


def _x_position(group: int, slot: float, slots: int) -> float:
    """The x of a slot, where phenotypes are a unit apart."""
    return group + (slot - (slots - 1) / 2) / (slots + GAP)


def _groups(axes: Axes, names: list[str], slots: int, r2: dict) -> None:
    """Draw the background of a row: each phenotype's band and its lines."""
    half = (slots + 0.5) / 2 / (slots + GAP)
    for j, name in enumerate(names):
        axes.axvspan(j - half, j + half, color="#f2f2f2", linewidth=0)
        for column, (_, line, colour) in LINES.items():
            for value in r2.get((column, name, None), []):
                axes.plot([j - half, j + half], [value] * 2, line, color=colour, linewidth=1)


def _arm(axes: Axes, x: float, r2: dict[str, list[float]], look: dict, *, rasterized: bool) -> None:
    """Draw an arm's runs, where it has several, and on them their mean with its error."""
    if len(r2["run"]) > 1:
        axes.plot([x] * len(r2["run"]), r2["run"], "o", color=look["color"], markersize=2.5,
                  alpha=0.6, markeredgewidth=0, rasterized=rasterized)  # fmt: skip
    ends = [*r2["interval_low"], *r2["interval_high"]]
    axes.plot([x] * len(ends), ends, "_-", color=look["color"], linewidth=1, markersize=4,
              markeredgewidth=1)  # fmt: skip
    axes.plot([x] * len(r2["mean"]), r2["mean"], look["marker"], color=look["color"], markersize=5,
              markeredgecolor="white", markeredgewidth=0.4)  # fmt: skip
    mark_below(axes, ((x, value) for value in r2["run"]), look["color"])


def _open_marker(order: Sequence[str], model: Published, position: int) -> dict:
    """The style of a published model's open marker: that of the arm of the same model if any."""
    arm = next((name for name in (model.name, model.model) if name in order), None)
    look = (
        style(order.index(arm))
        if arm
        else {"color": "#404040", "marker": MARKERS[position % len(MARKERS)]}
    )
    return {"marker": look["marker"], "linestyle": "none", "markersize": 4.5,
            "markerfacecolor": "white", "markeredgecolor": look["color"]}  # fmt: skip


def _handles(looks: dict, order: Sequence[str], published, kinds: set) -> list[Line2D]:
    arms = [
        Line2D([], [], label=arm, markersize=5, **look | {"linestyle": "none"})
        for arm, look in looks.items()
    ]
    markers = [
        Line2D([], [], label=f"{model.name}, published", **_open_marker(order, model, i))
        for i, model in enumerate(published)
    ]
    lines = [
        Line2D([], [], label=name, linestyle=line, color=colour, linewidth=1)
        for column, (name, line, colour) in LINES.items() if column in kinds
    ]  # fmt: skip
    return [*arms, *markers, *lines]
