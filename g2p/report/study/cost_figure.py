"""Cost against gain: the mean test R2 of each arm against the cost of its runs."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import log10
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FixedLocator, Formatter, LogLocator, NullFormatter

from g2p.config.registry import is_baseline
from g2p.core.phrases import listed
from g2p.core.plot_style import subplots
from g2p.report.study.layout import (
    WIDTH,
    Picture,
    Values,
    below_axis_note,
    legend,
    legend_inches,
    mark_below,
    r2_limits,
    style,
)
from g2p.report.study.results_view import StudyData, group_by, is_number
from g2p.report.study.values import error_of_arm, interval_ends

# Ticks of a time axis: the dense ones where their labels fit.
UNITS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
DENSE = {"ms": (1, 2, 5, 10, 20, 50, 100, 200, 500), "s": (1, 2, 5, 10, 20),
        "min": (1, 2, 5, 10, 20), "h": (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)}  # fmt: skip
SPARSE = {"ms": (1, 10, 100), "s": (1, 10), "min": (1, 10), "h": (1, 10, 100, 1000)}


@dataclass(frozen=True)
class Cost:
    """A column of the results table as an axis.

    Attributes:
        label: of the axis.
        ticks: value -> text.
        shared: whether the phenotypes of a run share it, so that each costs its fraction.
    """

    label: str
    ticks: Formatter | Callable[[float, float], str]
    shared: bool


def duration(seconds: float, _: float | None = None) -> str:
    """Seconds as text in the largest unit of which it is at least one: 1 ms, 20 s, 5 min, 2 h."""
    unit = next((u for u in reversed(UNITS) if seconds >= UNITS[u] * (1 - 1e-9)), "ms")
    return f"{seconds / UNITS[unit]:.3g} {unit}"


COSTS = {
    "seconds": Cost("training time", duration, True),
    "num_parameters": Cost("parameters of trained networks", EngFormatter(sep=""), False),
    "peak_memory": Cost("peak memory", EngFormatter("B"), False),
    "flops": Cost("floating-point operations", EngFormatter(sep=""), True),
    "energy": Cost("energy", EngFormatter("J"), True),
}


def find_baseline_arms(data: StudyData, configs: Mapping[str, Mapping]) -> set[str]:
    """Return the arms with runs of a baseline, whose parameters are not a network's weights."""
    names = {key: config.get("model", {}).get("name") for key, config in configs.items()}
    return {run.arm for run in data.runs if is_baseline(str(names.get(run.key)))}


def cost(data: StudyData, baseline_arms: Collection[str] = ()) -> Picture | None:
    """Mean test R2 against cost, for each cost that at least two arms have.

    Args:
        baseline_arms: arms of baselines (`find_baseline_arms`).
    """
    values = cost_values(data, baseline_arms)
    if not values:
        return None
    share = "Training cost is per phenotype of a run. " if _shared(data) else ""
    # An arm has the same mean in each panel.
    r2 = {row["arm"]: row["mean_test_r2"] for row in values if row["kind"] == "mean"}
    bars = any(row["kind"] == "interval_low" for row in values)
    return Picture(
        name="cost",
        heading="Cost against gain",
        caption=f"Mean over the runs of each arm, cost on a logarithmic scale. {share}Up and to "
        "the left is better. Training times are as measured, beside whatever else the machine did."
        f"{' Bars: one standard error of the mean.' if bars else ''}"
        f"{_missing_arms(data, values, baseline_arms)}"
        f"{below_axis_note(r2.values(), ('arm', 'arms'))}",
        description="; ".join(f"{arm}: mean test R2 {r2:z.4f}" for arm, r2 in data.means.items()),
        values=values,
        draw=partial(_draw, data.arms),
    )


def cost_values(data: StudyData, baseline_arms: Collection[str]) -> list[dict]:
    """All drawn values: for each cost that at least two arms have, each arm's mean cost and R2.

    The latter with its standard error where arms have repeats.
    """
    rows = group_by(data.rows, data.arm_of)
    errors = {arm: error_of_arm(data, rows[arm], data.compared) for arm in data.means}
    values = []
    for name in COSTS:
        mean_costs = costs(data, name, baseline_arms) if name in data.table.column_names else {}
        for arm, value in mean_costs.items() if len(mean_costs) > 1 else ():
            ends = interval_ends(data.means[arm], errors[arm])
            values += [
                {"kind": kind, "arm": arm, "cost": name, "mean_cost": value, "mean_test_r2": r2}
                for kind, r2 in {"mean": data.means[arm], **ends}.items()
            ]  # fmt: skip
    return values


def costs(data: StudyData, column: str, baseline_arms: Collection[str] = ()) -> dict[str, float]:
    """Arm -> mean over its finished runs, for arms with a run that has this cost (and not 0).

    Parameters of a baseline (a tree ensemble's settings, a kernel's weight for each strain) do not
    compare with a network's, so an arm of baselines has none here.
    """
    per_phenotype = COSTS[column].shared and _shared(data)
    left_out = baseline_arms if column == "num_parameters" else ()
    values = [
        (run.arm, value / (len(run.phenotypes) if per_phenotype else 1)) for run in data.runs
        if run.status == "done" and run.arm in data.means and run.arm not in left_out
        and is_number(value := run.facts[column]) and value > 0
    ]  # fmt: skip
    by_arm = group_by(values, lambda cell: cell[0])
    return {arm: fmean(value for _, value in each) for arm, each in by_arm.items()}


def _shared(data: StudyData) -> bool:
    """Whether some runs predict more phenotypes than others."""
    return len({len(run.phenotypes) for run in data.runs if run.status == "done"}) > 1


def _missing_arms(data: StudyData, values: Values, baseline_arms: Collection[str]) -> str:
    """Sentences on the arms that a panel lacks, with the reason."""
    sentences = ""
    for name, rows in group_by(values, lambda row: row["cost"]).items():
        missing = [arm for arm in data.means if arm not in {row["arm"] for row in rows}]
        if not missing:
            continue
        names = listed(missing, 6)
        if name == "num_parameters" and set(missing) <= set(baseline_arms):
            sentences += f" Not under parameters, which compare trained networks alone: {names}."
        elif name == "flops" and set(missing) <= set(baseline_arms):
            sentences += f" Floating-point operations are not counted for baselines: {names}."
        else:
            sentences += f" No {COSTS[name].label} recorded for {names}."
    return sentences


def _draw(order: Sequence[str], values: Values) -> Figure:
    panels = group_by(values, lambda row: row["cost"])
    across = -(-len(panels) // -(-len(panels) // 3))  # 4 as 2 and 2
    down = -(-len(panels) // across)
    width = min(WIDTH, across * 4.2)
    arms = [arm for arm in order if any(row["arm"] == arm for row in values)]
    looks = {arm: {**style(order.index(arm)), "linestyle": "none"} for arm in arms}
    figure, grid = subplots(
        down, across, figsize=(width, 2.3 * down + legend_inches(arms, width)), squeeze=False,
        layout="constrained", sharey=True, used=len(panels),
    )  # fmt: skip
    grid[0, 0].set_ylim(*r2_limits([row["mean_test_r2"] for row in values]))
    for axes, (name, rows) in zip(grid.flat, panels.items(), strict=False):
        for arm, arm_rows in group_by(rows, lambda row: row["arm"]).items():
            look = looks[arm]
            x, (y, *ends) = arm_rows[0]["mean_cost"], [row["mean_test_r2"] for row in arm_rows]
            axes.plot([x] * len(ends), ends, "_-", color=look["color"], linewidth=1, markersize=4)
            axes.plot(x, y, markersize=6, markeredgecolor="white", markeredgewidth=0.4, **look)
            mark_below(axes, [(x, y)], look["color"])
        _axis_of_costs(axes, name, [row["mean_cost"] for row in rows], width / across)
        axes.grid(color="#e8e8e8")
    for axes in grid[:, 0]:
        axes.set_ylabel("mean test R2")
    handles = [Line2D([], [], label=arm, **look) for arm, look in looks.items()]
    legend(figure, handles, width)
    return figure


def _axis_of_costs(axes: Axes, name: str, values: Sequence[float], inches: float) -> None:
    # The axis spans two of 1, 2, 5 times a power of ten, however similar the costs are.
    low, high = min(values) / 2.3, max(values) * 2.3
    axes.set(xscale="log", xlim=(low, high), xlabel=COSTS[name].label)
    # Where labels of every 1, 2 and 5 would touch, there is one every tenfold.
    available = inches - 0.7  # for labels
    fit = 3 * log10(high / low) * (0.6 if name == "seconds" else 0.45) < available
    if name == "seconds":
        chosen = DENSE if fit else SPARSE
        ticks = [n * UNITS[unit] for unit, numbers in chosen.items() for n in numbers]
        axes.xaxis.set_major_locator(FixedLocator([t for t in ticks if low <= t <= high]))
    else:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if fit else (1,)))
    axes.xaxis.set_major_formatter(COSTS[name].ticks)
    axes.xaxis.set_minor_formatter(NullFormatter())
