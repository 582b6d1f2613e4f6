"""Figures of one run, drawn from its directory alone."""

import math
from itertools import accumulate
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from g2p.core.atomic_files import write_atomically
from g2p.core.plot_style import BLUE, GREY, ORANGE, drawing_style, subplots
from g2p.runs.directory import RunDirectory


def draw_run(directory: RunDirectory, metrics: dict) -> list[Path]:
    """Draw all figures of a run into its `figures/`; returns their paths.

    What is fitted in one step, as closed forms are, has no learning curve.
    """
    paths = []
    curves = [learning_curve] if metrics["epochs"] > 1 else []
    for draw in (*curves, predicted_vs_observed):
        path = directory.folder / "figures" / f"{draw.__name__}.png"
        with drawing_style():
            figure = draw(directory, metrics)
            # Not by savefig, which draws everything twice.
            write_atomically(path, FigureCanvasAgg(figure).print_png)
        paths.append(path)
    return paths


def learning_curve(directory: RunDirectory, metrics: dict) -> Figure:
    """Loss and validation R2 by epoch, with the best epoch and ridge's R2.

    Of an ensemble, a line for each member.
    """
    history = directory.history().to_pydict()
    networks = metrics.get("members") or [metrics]
    ends = list(accumulate(network["epochs"] for network in networks))
    # Fixed by hand: a layout that matplotlib works out takes most of the time of drawing.
    margins = {"left": 0.1, "right": 0.98, "bottom": 0.16, "top": 0.88, "wspace": 0.28}
    figure, (left, right) = subplots(1, 2, figsize=(7.5, 3), gridspec_kw=margins)
    for network, end in zip(networks, ends, strict=True):
        start, best = end - network["epochs"], network["best_epoch"]
        epoch = range(1, end - start + 1)
        hidden = "_" * (start > 0)  # from the legend
        for axes, column, label, style in (
            (left, "train_loss", "training", {"color": GREY, "linestyle": "--"}),
            (left, "val_loss", "validation", {"color": BLUE}),
            (right, "val_r2_mean", "validation", {"color": BLUE}),
        ):
            axes.plot(epoch, history[column][start:end], label=hidden + label, **style)
        note = "best epochs" if len(networks) > 1 else f"best epoch ({best + 1})"
        r2 = history["val_r2_mean"][start + best]
        right.plot(best + 1, r2, "D", color=BLUE, label=hidden + note)
    left.set(xlabel="epoch", ylabel="loss (standardised units)")
    ridge = metrics["ridge"] and metrics["ridge"]["val"]["r2_mean"]
    if ridge is not None:
        right.axhline(ridge, color=ORANGE, linestyle=":", label="ridge, validation")
    right.set(xlabel="epoch", ylabel="R2, mean over phenotypes")
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    figure.suptitle(f"{metrics['model']}, seed {metrics['seed']}")
    return figure


def predicted_vs_observed(directory: RunDirectory, metrics: dict) -> Figure:
    """A panel for each phenotype, test strains, original units."""
    table = directory.predictions().to_pydict()
    phenotype, part = np.array(table["phenotype"]), np.array(table["split"])
    observed = np.array(table["observed"], dtype=float)
    predicted = np.array(table["predicted"])
    names = list(metrics["test"]["r2"])
    columns = min(6, len(names))
    rows = math.ceil(len(names) / columns)
    panel, apart = (1.45, 0.5) if len(names) > 1 else (3.0, 0.5)  # inches
    width, height = columns * (panel + apart) + 0.35, rows * (panel + apart) + 0.65
    figure, grid = subplots(
        rows, columns, figsize=(width, height), squeeze=False, used=len(names),
        gridspec_kw={
            "left": 0.7 / width, "right": 1 - 0.15 / width, "wspace": apart / panel,
            "bottom": 0.55 / height, "top": 1 - 0.6 / height, "hspace": apart / panel,
        },
    )  # fmt: skip
    for axes, name in zip(grid.flat, names, strict=False):
        chosen = (phenotype == name) & (part == "test") & np.isfinite(observed)
        x, y = observed[chosen], predicted[chosen]
        axes.plot(x, y, ".", color=BLUE, alpha=0.35, markersize=3, rasterized=True)
        low, high = min(x.min(), y.min()), max(x.max(), y.max())
        axes.plot([low, high], [low, high], color=GREY, linewidth=0.8)
        axes.locator_params(nbins=3)  # each tick costs a millisecond
        axes.ticklabel_format(scilimits=(-2, 4))  # long numbers have no room
        # With its height fixed, matplotlib need not measure every label to find one.
        axes.set_title(f"{name}  R2 {metrics['test']['r2'][name]:z.2f}", fontsize=9, y=1)
    figure.supxlabel("observed", y=0.08 / height)
    figure.supylabel("predicted", x=0.08 / width)
    figure.suptitle(f"{metrics['model']}, seed {metrics['seed']}: test strains", y=1 - 0.1 / height)
    return figure
