"""R2 by phenotype and arm, laid out like figure 3 of Rijal et al. 2025: phenotypes side by side,
the arms of each next to one another, every run a point."""

import math
from collections.abc import Sequence
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from g2p.results.drawing import (
    LOWEST,
    MARKERS,
    Picture,
    inches_of,
    legend,
    legend_inches,
    lower_limit,
    style,
    wrapped,
)
from g2p.results.figures import GREY, plt
from g2p.results.published_numbers import Published
from g2p.results.study_data import StudyData, grouped, is_number

SLOT = 0.07  # inches for an arm, at least
GAP = 1.5  # slots between phenotypes
MOST_POINTS = 3000  # that are drawn as shapes; a picture of more is smaller than their list
LINES = {
    "noise_ceiling": ("noise ceiling", "-", "black"),
    "ridge_r2": ("ridge, same split", ":", GREY),
}


def by_phenotype(data: StudyData, published: Sequence[Published]) -> Picture | None:
    if not data.rows:
        return None
    published = [one for one in published if one.r2.keys() & set(data.phenotypes)]
    below = sum(row["r2"] < LOWEST for row in data.rows)
    caption = [
        "Each small point is a run, each large marker the mean of an arm; arms stand in the "
        "legend's order."
    ]
    if data.varying:
        caption.append(f"Runs of an arm differ in {', '.join(data.varying)} too.")
    if published:
        sources = "; ".join(f"{one.name}: {one.source}" for one in published)
        caption.append(f"Open markers are published values ({sources}).")
    if below:
        caption.append(f"{below} runs below {LOWEST:g} are drawn at the lower edge.")
    return Picture(
        name="r2_by_phenotype",
        heading=f"Test R2 by phenotype and {data.arm}",
        caption=" ".join(caption),
        description=f"Test R2 of {len(data.means)} arms on {len(data.phenotypes)} phenotypes; the "
        "means over phenotypes are in the table of arms.",
        draw=lambda width: _draw(data, published, width),
    )


def _draw(data: StudyData, published: Sequence[Published], width: float) -> Figure:
    arms = [arm for arm in data.arms if arm in data.means or not data.means]
    slots = len(arms) + len(published)
    names = data.phenotypes
    # The narrowest group has room for a name of four letters, the widest is no desert.
    group = max(0.42, (slots + GAP) * SLOT)
    rows = math.ceil(len(names) / max(1, int((width - 0.8) / group)))
    columns = math.ceil(len(names) / rows)
    width = min(width, max(4.4, 0.8 + columns * 2.2 * group))
    room = (width - 0.8) / columns
    beside = min(0.25, 0.05 * (slots + GAP) / room)  # slots; 0.05 inches where there is room
    labels, turned = _names(names, room)
    height = 2.1 + (max(inches_of(line, 8) for name in labels for line in name.splitlines())
                    if turned else 0.2)  # fmt: skip
    lines = {
        column: _means(data.rows, column) for column in LINES if column in data.table.column_names
    }
    handles = _handles(data, arms, published, lines)
    key = legend_inches([handle.get_label() for handle in handles], width)
    figure, grid = plt.subplots(
        rows, 1, figsize=(width, rows * height + key), layout="constrained", squeeze=False,
        sharey=True,
    )  # fmt: skip
    cells = grouped(data.rows, lambda row: (data.arm_of(row), row["phenotype"]))
    for row, axes in enumerate(grid.flat):
        mine = names[row * columns : (row + 1) * columns]
        _groups(axes, mine, slots, lines)
        for i, arm in enumerate(arms):
            own = style(data.arms.index(arm))
            for j, name in enumerate(mine):
                r2 = [max(cell["r2"], LOWEST) for cell in cells.get((arm, name), [])]
                _arm(axes, _place(j, i - beside, slots), _place(j, i + beside, slots), r2, own,
                     rasterized=len(data.rows) > MOST_POINTS)  # fmt: skip
        for i, one in enumerate(published, start=len(arms)):
            known = [(_place(j, i, slots), one.r2[name]) for j, name in enumerate(mine)
                     if name in one.r2]  # fmt: skip
            look = _open(data, one, i - len(arms))
            axes.plot(*zip(*known, strict=True) if known else ((), ()), **look)
        axes.set(xlim=(-0.5, columns - 0.5), ylabel="test R2")
        axes.spines["bottom"].set_bounds(-0.5, len(mine) - 0.5)
        axes.set_xticks(range(len(mine)), labels[row * columns :][: len(mine)],
                        rotation=90 if turned else 0, fontsize=8)  # fmt: skip
        axes.tick_params(axis="x", length=0)
    shown = [value for one in published for name, value in one.r2.items() if name in names]
    shown += [value for known in lines.values() for value in known.values()]
    shown += [row["r2"] for row in data.rows]
    low, high = lower_limit(shown), max(shown)
    margin = max(0.06 * (high - low), 0.005)
    grid[0, 0].set_ylim(low - margin, high + margin)
    legend(figure, handles, width)
    return figure


def _place(group: int, slot: float, slots: int) -> float:
    """The x of a slot, where phenotypes are a unit apart."""
    return group + (slot - (slots - 1) / 2) / (slots + GAP)


def _groups(axes: Axes, names: list[str], slots: int, lines: dict) -> None:
    """The background of a row: each phenotype's band and its lines."""
    half = (slots + 0.5) / 2 / (slots + GAP)
    for j, name in enumerate(names):
        axes.axvspan(j - half, j + half, color="#f2f2f2", linewidth=0)
        for column, known in lines.items():
            if name in known:
                _, line, colour = LINES[column]
                axes.plot([j - half, j + half], [known[name]] * 2, line, color=colour, linewidth=1)


def _arm(
    axes: Axes, left: float, right: float, r2: list[float], own: dict, *, rasterized: bool
) -> None:
    """The runs of an arm and, to their right, their mean, which would hide them."""
    if len(r2) > 1:
        axes.plot([left] * len(r2), r2, "o", color=own["color"], markersize=2, markeredgewidth=0,
                  zorder=1.5, rasterized=rasterized)  # fmt: skip
    if r2:
        axes.plot(right, fmean(r2), own["marker"], color=own["color"], markersize=5,
                  markeredgecolor="white", markeredgewidth=0.4)  # fmt: skip


def _open(data: StudyData, one: Published, place: int) -> dict:
    """Like the arm that is the same model, if there is one, but open."""
    arm = next((name for name in (one.name, one.model) if name in data.arms), None)
    own = (
        style(data.arms.index(arm))
        if arm
        else {"color": "#404040", "marker": MARKERS[place % len(MARKERS)]}
    )
    return {"marker": own["marker"], "linestyle": "none", "markersize": 4.5,
            "markerfacecolor": "white", "markeredgecolor": own["color"]}  # fmt: skip


def _handles(data: StudyData, arms: list[str], published, lines: dict) -> list[Line2D]:
    handles = []
    for arm in arms:
        own = style(data.arms.index(arm)) | {"linestyle": "none"}
        handles.append(Line2D([], [], label=arm, markersize=5, **own))
    for i, one in enumerate(published):
        handles.append(Line2D([], [], label=f"{one.name}, published", **_open(data, one, i)))
    for column, known in lines.items():
        name, line, colour = LINES[column]
        if known:
            handles.append(Line2D([], [], label=name, linestyle=line, color=colour, linewidth=1))
    return handles


def _names(names: list[str], room: float) -> tuple[list[str], bool]:
    """Phenotypes' names for groups so many inches wide, and whether they have to be turned."""
    if max(inches_of(word, 8) for name in names for word in name.split() or [""]) < 0.9 * room:
        return [wrapped(name, room, 8) for name in names], False
    # Turned, a line of it takes 0.14 inches of the group's width.
    return [wrapped(name, 1.6, 8, max(1, int(room / 0.14))) for name in names], True


def _means(rows: list[dict], column: str) -> dict[str, float]:
    """By phenotype, over the runs that know it."""
    known = grouped((row for row in rows if is_number(row[column])), lambda row: row["phenotype"])
    return {name: fmean(row[column] for row in own) for name, own in known.items()}
