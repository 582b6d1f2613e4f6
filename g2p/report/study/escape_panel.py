"""The panel of updates to escape the additive plateau, by step of a staircase."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from g2p.core.plot_style import GREY, ORANGE
from g2p.report.study.layout import NO_VALUE, Values
from g2p.report.study.results_view import group_by

MEDIAN = "#B45F00"  # the orange of the runs, dark enough for thin lines
ARROW = Path(  # a shaft and its head, upwards
    [(-0.1, -1), (-0.1, 0.3), (-0.45, 0.3), (0, 1), (0.45, 0.3), (0.1, 0.3), (0.1, -1), (-0.1, -1)]
)
RUN = {"marker": "o", "color": ORANGE, "linestyle": "none", "markersize": 3.5, "alpha": 0.8,
       "markeredgewidth": 0}  # fmt: skip
CENSORED = {"marker": "^", "color": ORANGE, "linestyle": "none", "markersize": 4.5,
            "markerfacecolor": "white", "markeredgewidth": 0.9}  # fmt: skip
BEYOND = {"marker": ARROW, "color": MEDIAN, "linestyle": "none", "markersize": 10,
          "markeredgewidth": 0}  # fmt: skip
MIDDLE = {"marker": "D", "color": MEDIAN, "markersize": 5.5, "markeredgecolor": "white",
          "markeredgewidth": 0.7}  # fmt: skip
BUDGET = {"color": GREY, "linewidth": 1, "linestyle": ":", "zorder": 1.5}
BAR = {"color": MEDIAN, "linewidth": 1.4}


def draw_escape(axes: Axes, position: Mapping[str, int], rows: Values) -> None:
    """Draw runs, medians and quartiles, on a logarithmic axis; arrows where a median is beyond it.

    A bar whose upper quartile is beyond the runs' updates ends at these.

    Args:
        axes: to draw on.
        position: arm -> its x.
        rows: of the quantity `updates` (see `staircase_values`).
    """
    by_arm = group_by(rows, lambda row: row["arm"])
    for row in by_arm.pop(None, []):
        axes.axhline(row["value"], **BUDGET)
    for arm, of_arm in by_arm.items():
        x = position[arm]
        y = {kind: [row["value"] for row in each]
             for kind, each in group_by(of_arm, lambda row: row["kind"]).items()}  # fmt: skip
        ends = [*y.get("quartile_low", []), *y.get("quartile_high", y.get("censored", [])[:1])]
        if len(ends) == 2:
            axes.plot([x, x], ends, "_-", markersize=6, markeredgewidth=1.4, **BAR)
        for kind, look in (("escape", RUN), ("censored", CENSORED), ("median", MIDDLE)):
            axes.plot([x] * len(y.get(kind, [])), y.get(kind, []), **look)
        if "beyond" in y:
            axes.plot(x, 0.93, transform=axes.get_xaxis_transform(), gid=NO_VALUE, **BEYOND)
    values = [row["value"] for row in rows]
    high = max(values)
    low = min(*values, high / 10)  # a decade at least, whose ticks are round
    # Room for the arrows, above all values.
    axes.set(yscale="log", ylim=(max(low / 1.4, 0.9), high * (high / low) ** 0.2 * 1.4))
    axes.set_ylabel("updates to escape")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_minor_formatter(NullFormatter())


def escape_handles(rows: Values) -> list[Line2D]:
    """The legend's entries, of what is drawn."""
    kinds = {row["kind"] for row in rows}
    entries = {
        "median": ("median updates, quartiles", MIDDLE | {"linewidth": 1.4}),
        "escape": ("a run's escape", RUN),
        "censored": ("a run that has not escaped", CENSORED),
        "beyond": ("median beyond the budget", BEYOND),
        "budget": ("budget", BUDGET),
    }
    return [Line2D([], [], label=label, **look) for kind, (label, look) in entries.items()
            if kind in kinds]  # fmt: skip
