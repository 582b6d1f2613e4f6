"""Learning curves of a study: a panel for each arm, a thin line for each run."""

import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean

from matplotlib.figure import Figure

from g2p.core.errors import DamagedRunError
from g2p.core.phrases import listed, plural
from g2p.core.plot_style import subplots
from g2p.report.study.layout import (
    WIDTH,
    Picture,
    Values,
    below_axis_note,
    mark_below,
    r2_limits,
    style,
    wrapped,
)
from g2p.report.study.results_view import StudyData, group_by, is_number
from g2p.runs.directory import RunDirectory

MOST_CURVES = 60
FIRST_MEMBER = "first network of an ensemble"


def learning_curves_picture(data: StudyData, directories: Mapping[str, Path]) -> Picture | None:
    """Validation R2 by epoch."""
    values = curve_values(data, directories)
    if not values:
        return None
    n = len({(row["arm"], row["signature"]) for row in values})
    arms = {row["arm"] for row in values}
    total = sum(run.key in directories and run.arm in arms for run in data.runs)
    names = {name for run in data.runs for name in run.phenotypes}
    of = f"on {names.pop()}" if len(names) == 1 else "mean over phenotypes"
    caption = (
        f"Validation R2, {of}, by epoch; a line is a run, as in its history.parquet (there epochs "
        "count from 0)."
    )
    if n < total:
        caption += f" {n} of {total} runs, the same number of each arm where it has that many."
    if any(row["kind"] == FIRST_MEMBER for row in values):
        caption += " Of an ensemble, its first network."
    if without := [arm for arm in data.means if arm not in arms]:
        caption += f" Without a curve, as closed forms are: {listed(without, 6)}."
    r2 = [row["validation_r2"] for row in values]
    return Picture(
        name="learning_curves",
        heading="Learning curves",
        caption=caption + below_axis_note(r2, ("epoch", "epochs"), marked=False),
        description=f"Validation R2 by epoch of {plural(n, 'run')} in {plural(len(arms), 'arm')}.",
        values=values,
        draw=partial(_draw, data.arms),
    )


def curve_values(data: StudyData, directories: Mapping[str, Path]) -> list[dict]:
    """Epochs of up to MOST_CURVES runs with two or more, arms in turn."""
    by_arm = {arm: [run for run in data.runs if run.arm == arm] for arm in data.arms}
    turns = itertools.zip_longest(*by_arm.values())
    values: dict[str, list[dict]] = {arm: [] for arm in data.arms}
    n_curves = 0
    for run in itertools.chain.from_iterable(turns):
        if run is None or run.key not in directories or n_curves == MOST_CURVES:
            continue
        try:
            history = RunDirectory(directories[run.key]).history().to_pydict()
        except (FileNotFoundError, DamagedRunError):
            continue
        kind = FIRST_MEMBER if "member" in history else "run"
        members = history.get("member", [0] * len(history["epoch"]))
        rows = [
            {"kind": kind, "arm": run.arm, "signature": run.key, "epoch": epoch + 1,
             "validation_r2": r2}
            for epoch, r2, member in zip(
                history["epoch"], _curve(history, run.phenotypes), members, strict=True
            )
            if is_number(r2) and not member
        ]  # fmt: skip
        if len(rows) > 1:  # a closed form has one epoch, which is no curve
            values[run.arm] += rows
            n_curves += 1
    return [row for rows in values.values() for row in rows]


def _curve(history: Mapping[str, list], phenotypes: Sequence[str]) -> list[float | None]:
    """Validation R2 by epoch, mean over these phenotypes: of a transfer, the target alone counts.

    Epochs in which none of them has a value have none.
    """
    columns = [f"val_r2/{name}" for name in phenotypes]
    if {name for name in history if name.startswith("val_r2/")} <= set(columns):
        return history["val_r2_mean"]
    curves = [history[name] for name in columns if name in history]
    epochs = range(len(history["epoch"]))
    by_epoch = [[curve[i] for curve in curves if is_number(curve[i])] for i in epochs]
    return [fmean(values) if values else None for values in by_epoch]


def _draw(order: Sequence[str], values: Values) -> Figure:
    by_arm = group_by(values, lambda row: row["arm"])
    across = min(len(by_arm), 4)
    down = -(-len(by_arm) // across)
    width = min(WIDTH, across * 3.4)
    titles = [wrapped(arm, (width - 0.6) / across - 0.1) for arm in by_arm]
    lines = max(title.count("\n") + 1 for title in titles)
    figure, grid = subplots(
        down, across, figsize=(width, down * (1.7 + 0.15 * lines) + 0.4), squeeze=False,
        layout="constrained", sharey=True, sharex=True, used=len(by_arm),
    )  # fmt: skip
    grid[0, 0].set_ylim(*r2_limits([row["validation_r2"] for row in values]))
    for axes, title, (arm, rows) in zip(grid.flat, titles, by_arm.items(), strict=False):
        look = style(order.index(arm))
        for curve in group_by(rows, lambda row: row["signature"]).values():
            points = [(row["epoch"], row["validation_r2"]) for row in curve]
            axes.plot(*zip(*points, strict=True), color=look["color"], lw=0.7, alpha=0.8)
            if max(r2 for _, r2 in points) < axes.get_ylim()[0]:  # else it would be invisible
                mark_below(axes, points[-1:], look["color"])
        axes.set_title(title, fontsize=9)
        axes.locator_params(axis="x", nbins=4, integer=True)
        axes.xaxis.set_tick_params(labelbottom=True)
    figure.supxlabel("epoch", fontsize=9)
    figure.supylabel("validation R2", fontsize=9)
    return figure
