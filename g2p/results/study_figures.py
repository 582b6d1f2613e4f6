"""A study's figures: which there are, the effects of its components, and what gain costs."""

from collections.abc import Mapping, Sequence
from math import log10
from pathlib import Path
from statistics import fmean

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from g2p.results.compare import Effect
from g2p.results.drawing import Picture, legend, legend_inches, style, wrapped
from g2p.results.effects import method_notes
from g2p.results.figures import BLUE, GREY, plt
from g2p.results.phenotype_figure import by_phenotype
from g2p.results.published_numbers import Published
from g2p.results.study_curves import AXES, against, learning_curves
from g2p.results.study_data import StudyData, is_number

# Column -> its axis, and whether it is spent: a run on eighteen phenotypes is then a bargain.
COSTS = {
    "seconds": ("training (s)", True),
    "num_parameters": ("parameters", False),
    "peak_memory": ("peak memory (bytes)", False),
    "flops": ("FLOPs", True),
    "energy": ("energy (J)", True),
}

MOST_EFFECTS = 60


def pictures(
    data: StudyData, effects: Sequence[Effect], records: Mapping[str, Path],
    published: Sequence[Published],
) -> list[Picture]:  # fmt: skip
    """All figures that the study's results can fill already."""
    drawn = [
        by_phenotype(data, published),
        effects_figure(effects),
        *(against(data, factor) for factor in AXES),
        cost(data),
        learning_curves(data, records),
    ]
    return [picture for picture in drawn if picture]


def effects_figure(effects: Sequence[Effect]) -> Picture | None:
    """The effects in the study's order, a row each: mean, interval, phenotypes, stars."""
    known = [effect for effect in effects if is_number(effect.mean)]
    if not known:
        return None
    fewer = f"The first {MOST_EFFECTS} of {len(known):,}. " if len(known) > MOST_EFFECTS else ""
    known = known[:MOST_EFFECTS]
    return Picture(
        name="effects",
        heading="What each step changes",
        caption=f"{fewer}Change in test R2 from the first arm to the second: mean and 95% interval "
        "(filled where it is significant after Holm's correction), and the mean of each phenotype "
        "as a grey stroke. * p ≤ 0.05, ** p ≤ 0.01, *** p ≤ 0.001 after it. "
        + " ".join(method_notes(known)),
        description="; ".join(f"{named(e, known)}: {e.mean:+.4f} {e.stars}" for e in known),
        draw=lambda width: _effects(known, width),
    )


def named(effect: Effect, beside: Sequence[Effect]) -> str:
    """The comparison's title, with the factor where the effects are of several."""
    several = len({other.comparison.arm for other in beside}) > 1
    return f"{effect.comparison.arm + ': ' if several else ''}{effect.comparison.title()}"


def _effects(effects: Sequence[Effect], width: float) -> Figure:
    names = [wrapped(named(e, effects), width * 0.36, lines=8) for e in effects]
    lines = max(name.count("\n") + 1 for name in names)
    height = len(effects) * max(0.34, 0.15 * lines + 0.1) + 1.1
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    for row, effect in enumerate(effects):
        values = list(effect.by_phenotype.values())
        axes.plot(values, [row] * len(values), "|", color=GREY, markersize=7, alpha=0.6)
        if is_number(effect.low):
            axes.plot([effect.low, effect.high], [row, row], color=BLUE, linewidth=2)
        axes.plot(effect.mean, row, "o", color=BLUE, markersize=6,
                  markerfacecolor=BLUE if effect.stars else "white")  # fmt: skip
    axes.axvline(0, color="black", linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(effects)), names)
    axes.set(ylim=(len(effects) - 0.5, -0.5), xlabel="change in test R2")
    axes.locator_params(axis="x", nbins=3 if width < 5 else 7)
    axes.grid(axis="y", color="#e8e8e8")
    right = axes.twinx()
    right.set_ylim(axes.get_ylim())
    between = "\n" if width < 5 and lines > 1 else " "
    right.set_yticks(
        range(len(effects)), [f"{e.mean:+.4f}{between}{e.stars}".rstrip() for e in effects]
    )
    for side in (axes, right):
        side.tick_params(axis="y", length=0)
        side.spines["left"].set_visible(False)
    handles = [
        Line2D([], [], color=BLUE, marker="o", linewidth=2, label="mean, 95% interval"),
        Line2D([], [], color=GREY, marker="|", linestyle="none", label="a phenotype"),
    ]
    legend(figure, handles, width)
    return figure


def cost(data: StudyData) -> Picture | None:
    """Mean test R2 against what the arms cost, for each cost that is known of two arms."""
    shown = {name: costs(data, name) for name in COSTS if name in data.table.column_names}
    shown = {name: values for name, values in shown.items() if len(values) > 1}
    if not shown:
        return None
    share = "Training is for each phenotype of a run. " if _shared(data) else ""
    return Picture(
        name="cost",
        heading="Cost against gain",
        caption=f"Mean over the runs of each arm, cost on a logarithmic scale. {share}Up and to "
        "the left is better.",
        description="; ".join(f"{arm}: mean test R2 {r2:.4f}" for arm, r2 in data.means.items()),
        draw=lambda width: _cost(data, shown, width),
    )


def costs(data: StudyData, column: str) -> dict[str, float]:
    """Arm -> mean over its finished runs, where any run knows its cost (and it is not 0)."""
    spent = COSTS[column][1] and _shared(data)
    by_arm: dict[str, list[float]] = {}
    for run in data.runs:
        value = run.facts[column]
        if run.status == "done" and run.arm in data.means and is_number(value) and value > 0:
            by_arm.setdefault(run.arm, []).append(value / (len(run.phenotypes) if spent else 1))
    return {arm: fmean(values) for arm, values in by_arm.items()}


def _shared(data: StudyData) -> bool:
    """Whether some runs give more phenotypes than others."""
    return len({len(run.phenotypes) for run in data.runs if run.status == "done"}) > 1


def _cost(data: StudyData, shown: Mapping[str, Mapping[str, float]], width: float) -> Figure:
    across = 1 if width < 5 else -(-len(shown) // -(-len(shown) // 3))  # 4 as 2 and 2
    down = -(-len(shown) // across)
    width = min(width, across * 4.2)
    arms = [arm for arm in data.arms if any(arm in values for values in shown.values())]
    figure, grid = plt.subplots(
        down, across, figsize=(width, 2.3 * down + legend_inches(arms, width)), squeeze=False,
        layout="constrained", sharey=True,
    )  # fmt: skip
    for axes in grid.flat[len(shown) :]:
        axes.set_visible(False)
    for axes, (column, values) in zip(grid.flat, shown.items(), strict=False):
        for arm, value in values.items():
            own = style(data.arms.index(arm)) | {"linestyle": "none"}
            axes.plot(value, data.means[arm], markersize=6, markeredgecolor="white",
                      markeredgewidth=0.4, **own)  # fmt: skip
        # Room for two of 1, 2, 5 times a power of ten, however alike the costs are.
        low, high = min(values.values()) / 2.3, max(values.values()) * 2.3
        axes.set(xscale="log", xlim=(low, high), xlabel=COSTS[column][0])
        # Where labels of every 1, 2 and 5 would touch, there is one every tenfold.
        fit = 3 * log10(high / low) * 0.45 < width / across - 0.7
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if fit else (1,)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 100, 1k, 10k, ... 1M
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(color="#e8e8e8")
    for axes in grid[:, 0]:
        axes.set_ylabel("mean test R2")
    grid[0, 0].margins(y=0.12)
    handles = [
        Line2D([], [], label=arm, **(style(data.arms.index(arm)) | {"linestyle": "none"}))
        for arm in arms
    ]
    legend(figure, handles, width)
    return figure
