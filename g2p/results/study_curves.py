"""Curves of a study: R2 against a factor that is a number, and the learning curves of its runs."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from math import log10
from pathlib import Path
from statistics import fmean, stdev

import pyarrow as pa
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from g2p.results.drawing import (
    LOWEST,
    Picture,
    label_places,
    legend,
    legend_inches,
    lower_limit,
    style,
    wrapped,
)
from g2p.results.figures import plt
from g2p.results.record import Record
from g2p.results.study_data import StudyData, is_number, label, levelled

MOST_CURVES = 60
MOST_LINES = 8  # that a reader tells apart


@dataclass(frozen=True)
class Axis:
    """How a factor is drawn on x; `null` is the label of the value null, if that is a value."""

    name: str
    heading: str
    xlabel: str
    log: bool = False
    null: str | None = None


AXES = {
    "model.num_layers": Axis("layers", "Test R2 by number of layers", "layers"),
    "transfer.observations": Axis(
        "transfer", "Test R2 by values of the phenotype to learn from",
        "known values of the phenotype", log=True, null="all",
    ),
    "data.epsilon": Axis(
        "epsilon", "Test R2 from epistatic to additive", "epsilon (1: purely additive)"
    ),
}  # fmt: skip


def against(data: StudyData, factor: str) -> Picture | None:
    """A line for each arm, where the factor has several values among the finished runs."""
    axis = AXES[factor]
    if factor not in data.table.column_names:
        return None
    values = {row[factor] for row in data.rows if axis.null or row[factor] is not None}
    if len(values) < 2:
        return None
    lines = _lines(data, factor)
    flat = not axis.null and any(row[factor] is None for row in data.rows)
    return Picture(
        name=f"r2_by_{axis.name}",
        heading=axis.heading,
        caption="Means over phenotypes and seeds. Bars: one standard deviation over them, after "
        "each phenotype's own level is taken out."
        + (f" A line without markers is an arm that has no {factor}." if flat else ""),
        description="; ".join(
            f"{name}: " + ", ".join(f"{x} {fmean(r2):.3f}" for x, r2 in _points(pairs, factor))
            for name, pairs in lines.items()
        ),
        draw=lambda width: _against(data, factor, lines, width),
    )


Pairs = list[tuple[dict, float]]  # a row, and its R2 with the phenotype's level taken out


def _lines(data: StudyData, factor: str) -> dict[str, Pairs]:
    """What is drawn: arms or, where that makes few enough, arms by what else they vary in."""
    pairs = list(zip(data.rows, levelled(data.rows), strict=True))
    others = [name for name in data.varying if name != factor]

    def long(row: dict) -> str:
        arm = [] if data.arm == factor else [data.arm_of(row)]
        settings = [f"{name} {label(row[name])}" for name in others if row[name] is not None]
        return ", ".join([*arm, *settings]) or "all runs"

    def short(row: dict) -> str:
        return "all runs" if data.arm == factor else data.arm_of(row)

    name = long if len({long(row) for row in data.rows}) <= MOST_LINES else short
    lines: dict[str, Pairs] = {}
    for row, r2 in pairs:
        lines.setdefault(name(row), []).append((row, r2))
    return lines


def _points(pairs: Pairs, factor: str) -> list[tuple[float | None, list[float]]]:
    """The R2 at each value of the factor, in its order, null last."""
    at: dict[float | None, list[float]] = {}
    for row, r2 in pairs:
        at.setdefault(row[factor], []).append(r2)
    return sorted(at.items(), key=lambda item: (item[0] is None, item[0] or 0))


def _against(data: StudyData, factor: str, lines: dict[str, Pairs], width: float) -> Figure:
    axis = AXES[factor]
    width = min(width, 7.2)
    figure, axes = plt.subplots(
        figsize=(width, 3.2 + legend_inches(list(lines), width)), layout="constrained"
    )
    place = _places([row[factor] for row in data.rows], axis)
    # A little apart, so that the bars of two lines do not hide one another.
    ordered = sorted(place.values())
    gap = min(b - a for a, b in itertools.pairwise(ordered))
    apart = min(0.008 * (ordered[-1] - ordered[0]), 0.4 * gap / len(lines))
    handles = []
    for i, (name, pairs) in enumerate(lines.items()):
        own = style(data.arms.index(name) if name in data.arms else i)
        points = [(place[x], r2) for x, r2 in _points(pairs, factor) if x in place]
        if not points:
            r2 = fmean(r2 for _, r2 in pairs)
            del own["marker"]
            axes.axhline(max(r2, LOWEST), **own)
        else:
            shift = (i - (len(lines) - 1) / 2) * apart
            axes.errorbar(
                [x + shift for x, _ in points],
                [max(fmean(r2), LOWEST) for _, r2 in points],
                yerr=[stdev(r2) if len(r2) > 1 else 0 for _, r2 in points],
                capsize=2, elinewidth=0.8, linewidth=1.4, markersize=5, **own,
            )  # fmt: skip
        handles.append(Line2D([], [], label=name, **own))
    label_places(
        axes.xaxis, list(place.values()), [axis.null if x is None else f"{x:g}" for x in place],
        width - 1.0,
    )  # fmt: skip
    axes.set(xlabel=axis.xlabel, ylabel="test R2")
    axes.grid(axis="y", color="#e8e8e8")
    legend(figure, handles, width)
    return figure


def _places(values: list, axis: Axis) -> dict[float | None, float]:
    """Value -> its place on x. On a log scale 0 and null stand a step before and after the rest."""
    numbers = sorted({x for x in values if x is not None})
    if not axis.log:
        return {x: x for x in numbers}
    places = {x: log10(x) for x in numbers if x > 0}
    step = max((max(places.values()) - min(places.values())) / 6, 0.2) if places else 1.0
    if 0 in numbers:
        places = {0: min(places.values(), default=0) - step, **places}
    if axis.null and None in values:
        places[None] = max(places.values(), default=0) + step
    return places


def learning_curves(data: StudyData, records: Mapping[str, Path]) -> Picture | None:
    """Validation R2 by epoch: a panel for each arm, a thin line for each run."""
    curves = _histories(data, records)
    if not curves:
        return None
    n = sum(map(len, curves.values()))
    total = sum(run.key in records for run in data.runs)
    return Picture(
        name="learning_curves",
        heading="Learning curves",
        caption="Validation R2, mean over phenotypes, by epoch; a line is a run. "
        + (f"{n} of {total} runs, the same number of each arm as far as there are." if n < total
           else ""),
        description=f"Validation R2 by epoch of {n} runs in {len(curves)} arms.",
        draw=lambda width: _learning(data, curves, width),
    )  # fmt: skip


Curve = tuple[list[int], list[float]]  # epochs, counted from 1, and validation R2


def _histories(data: StudyData, records: Mapping[str, Path]) -> dict[str, list[Curve]]:
    """Arm -> curves of some of its runs, arms taking turns; a run under way may have none yet."""
    by_arm = {arm: [run for run in data.runs if run.arm == arm] for arm in data.arms}
    turns = itertools.zip_longest(*by_arm.values())
    curves: dict[str, list[Curve]] = {}
    found = 0
    for run in itertools.chain.from_iterable(turns):
        if run is None or run.key not in records or found == MOST_CURVES:
            continue
        try:
            history = Record(records[run.key]).history().to_pydict()
        except (FileNotFoundError, pa.ArrowInvalid):
            continue
        pairs = zip(history["epoch"], history["val_r2_mean"], strict=True)
        known = [(epoch + 1, r2) for epoch, r2 in pairs if is_number(r2)]
        if known:
            epochs, r2 = zip(*known, strict=True)
            curves.setdefault(run.arm, []).append((list(epochs), list(r2)))
            found += 1
    return {arm: curves[arm] for arm in data.arms if arm in curves}


def _learning(data: StudyData, curves: dict[str, list[Curve]], width: float) -> Figure:
    across = min(len(curves), 2 if width < 5 else 4)
    down = -(-len(curves) // across)
    width = min(width, across * 3.4)
    titles = [wrapped(arm, (width - 0.6) / across - 0.1) for arm in curves]
    lines = max(title.count("\n") + 1 for title in titles)
    figure, grid = plt.subplots(
        down, across, figsize=(width, down * (1.7 + 0.15 * lines) + 0.4), squeeze=False,
        layout="constrained", sharey=True, sharex=True,
    )  # fmt: skip
    for axes in grid.flat[len(curves) :]:
        axes.set_visible(False)
    for axes, title, (arm, own) in zip(grid.flat, titles, curves.items(), strict=False):
        look = style(data.arms.index(arm))
        for epochs, r2 in own:
            # A closed form has one epoch, which is no line.
            marker = look["marker"] if len(r2) == 1 else ""
            axes.plot(epochs, r2, color=look["color"], lw=0.7, alpha=0.8, marker=marker, ms=4)
        axes.set_title(title, fontsize=9)
        axes.locator_params(axis="x", nbins=4, integer=True)
        axes.xaxis.set_tick_params(labelbottom=True)
    if all(epochs == [1] for own in curves.values() for epochs, _ in own):  # closed forms alone
        grid[0, 0].set(xlim=(0.5, 1.5), xticks=[1])
    values = [value for own in curves.values() for _, r2 in own for value in r2]
    low, high = lower_limit(values), max(values)
    grid[0, 0].set_ylim(low - 0.03, high + 0.03)
    figure.supxlabel("epoch", fontsize=9)
    figure.supylabel("validation R2", fontsize=9)
    return figure
