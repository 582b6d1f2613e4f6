"""Figures of a panel: allele frequencies, linkage, relatedness, components, phenotypes, their
correlations and heritabilities."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from g2p.core.atomic_files import write_atomically
from g2p.core.plot_style import BLUE, GREY, ORANGE, drawing_style, subplots
from g2p.report.panel.genotype_stats import Calls, Relatedness
from g2p.report.panel.ld_decay import Decay

# Blue below the mean, orange above: distinct to the colour-blind.
DIVERGING = LinearSegmentedColormap.from_list("blue_orange", [BLUE, "white", ORANGE])
MOST_PHENOTYPES = 60  # that a figure shows
LONGEST_NAME = 22


def draw(path: Path, figure_of: Callable[..., Figure], *data) -> None:
    """Draw one of the figures below into the file `path`."""
    with drawing_style():
        figure = figure_of(*data)
        write_atomically(path, lambda file: figure.savefig(file, format="png"))


def frequencies(calls: Calls) -> Figure:
    """Plot allele frequencies and, where any is missing, missingness by locus and by strain."""
    n_loci, n_strains = len(calls.frequency), len(calls.missing_by_strain)
    missing = calls.missing_by_strain.any()
    columns = 3 if missing else 1
    figure, grid = subplots(
        1, columns, figsize=(3.4 * columns + 0.8, 3.2), layout="constrained", squeeze=False
    )
    called = calls.frequency[np.isfinite(calls.frequency)]
    grid[0, 0].hist(called, bins=np.linspace(0, 1, 41), color=BLUE)
    grid[0, 0].set(xlabel="frequency of the allele coded 1", ylabel="loci", xlim=(0, 1))
    grid[0, 0].set_title(f"{len(called):,} loci, {n_strains:,} strains", fontsize=9)
    if missing:
        for axes, values, what in (
            (grid[0, 1], calls.missing_by_locus, "loci"),
            (grid[0, 2], calls.missing_by_strain, "strains"),
        ):
            axes.hist(values, bins=np.linspace(0, values.max(), 41), color=BLUE)
            other = "strains" if what == "loci" else "loci"
            axes.set(xlabel=f"share of {other} without a genotype", ylabel=f"{what} (log scale)")
            axes.set(yscale="log", xlim=(0, None))
            axes.set_title(f"{(values > 0).sum():,} of {n_loci if what == 'loci' else n_strains:,} "
                           f"{what} have missing genotypes", fontsize=9)  # fmt: skip
    return figure


def linkage(decay: Decay) -> Figure:
    """Plot mean r2 of two loci by their distance, beside that of loci on different chromosomes."""
    figure, axes = subplots(figsize=(5, 3.4), layout="constrained")
    axes.plot(decay.distance, decay.r2, "o-", color=BLUE, markersize=4, label="same")
    if np.isfinite(decay.between):
        axes.axhline(decay.between, color=ORANGE, linestyle="--", label="different")
        axes.legend(title="chromosome")
    axes.set(xscale="log", xlabel="distance (bp)", ylabel="mean r² of two loci", ylim=(-0.02, 1.02))
    short = decay.distance[-1] < 100 * decay.distance[0]
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if short else (1,)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 100, 1k, 10k, ... 1M
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(f"{decay.pairs.sum():,} pairs sampled, {decay.strains:,} strains", fontsize=9)
    return figure


def relationships(related: Relatedness, n_strains: int) -> Figure:
    """Plot the relationships of pairs of strains, and the matrix with its groups."""
    figure, (left, right) = subplots(1, 2, figsize=(8.2, 3.6), layout="constrained")
    pairs = related.pairs
    left.hist(pairs, bins=60, color=BLUE)
    left.set(xlabel="relationship", ylabel="pairs of strains (log scale)", yscale="log")
    left.set_title("0: two random strains, 1: a strain and itself", fontsize=9)
    # The palest and the darkest pairs saturate, or a few clones would leave all else white.
    limit = max(np.quantile(np.abs(pairs), 0.99), 1e-3)
    image = right.imshow(
        related.matrix, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest"
    )
    right.set(xlabel="strains, clustered", xticks=[], yticks=[])
    right.spines[:].set_visible(False)
    figure.colorbar(image, ax=right, extend="both", label="relationship")
    n = len(related.rows)
    figure.suptitle(f"{n:,} of {n_strains:,} strains, by {related.loci:,} loci", fontsize=9)
    return figure


def phenotypes(values: np.ndarray, names: list[str]) -> Figure:
    """Plot a histogram for each phenotype, in original units."""
    shown = names[:MOST_PHENOTYPES]
    columns = min(6, len(shown))
    rows = math.ceil(len(shown) / columns)
    size = (max(3.6, 1.8 * columns + 0.3), 1.45 * rows + 0.7) if len(shown) > 1 else (4, 3)
    figure, grid = subplots(
        rows, columns, figsize=size, layout="constrained", squeeze=False, used=len(shown)
    )
    for axes, name, column in zip(grid.flat, shown, values.T, strict=False):
        finite = column[np.isfinite(column)]
        axes.set_title(_short(name), fontsize=8)
        if not len(finite):
            axes.set(xticks=[], yticks=[])
            axes.text(0.5, 0.5, "no values", ha="center", transform=axes.transAxes)
            continue
        axes.hist(finite, bins=30, color=BLUE)
        axes.tick_params(labelsize=7)
        axes.xaxis.get_offset_text().set_fontsize(7)
        axes.locator_params(axis="both", nbins=3)
    figure.supxlabel("value", fontsize=9)
    figure.supylabel("strains", fontsize=9)
    if len(shown) < len(names):
        figure.suptitle(f"the first {len(shown)} of {len(names)} phenotypes", fontsize=9)
    return figure


def components(related: Relatedness, n_strains: int) -> Figure:
    """Plot strains along the first two principal axes of their relationships."""
    figure, axes = subplots(figsize=(4.6, 4), layout="constrained")
    values, vectors = np.linalg.eigh(related.matrix)
    first, second = (vectors[:, -i] * np.sqrt(max(values[-i], 0)) for i in (1, 2))
    axes.plot(first, second, "o", color=BLUE, markersize=3, alpha=0.6, markeredgewidth=0)
    shares = values[::-1] / np.trace(related.matrix)
    axes.set(
        xlabel=f"PC1 ({shares[0]:.1%} of the genomic variance)", ylabel=f"PC2 ({shares[1]:.1%})"
    )
    n = len(related.rows)
    axes.set_title(f"{n:,} of {n_strains:,} strains, by {related.loci:,} loci", fontsize=9)
    return figure


def correlations(values: np.ndarray, names: list[str]) -> Figure:
    """Plot Pearson's r of each two phenotypes over the strains that have both."""
    shown = names[:MOST_PHENOTYPES]
    r = pd.DataFrame(values[:, : len(shown)]).corr(min_periods=3).to_numpy()
    side = 0.22 * len(shown) + 2.4
    figure, axes = subplots(figsize=(side + 0.6, side), layout="constrained")
    image = axes.imshow(r, cmap=DIVERGING, vmin=-1, vmax=1)
    labels = [_short(name) for name in shown]
    axes.set_xticks(range(len(shown)), labels, rotation=90, fontsize=8)
    axes.set_yticks(range(len(shown)), labels, fontsize=8)
    axes.spines[:].set_visible(False)
    if len(shown) <= 10:
        for i, j in np.argwhere(np.isfinite(r)):
            axes.text(j, i, f"{r[i, j]:.2f}", ha="center", va="center", fontsize=7)
    figure.colorbar(image, ax=axes, label="Pearson's r of phenotypes", shrink=0.8)
    return figure


def heritabilities(
    h2: Mapping[str, tuple[float, float]], ceiling: Mapping[str, float], strains: str
) -> Figure:
    """Plot heritability by phenotype, the largest on top, and the noise ceiling where known."""
    estimated = sorted(
        (name for name in h2 if np.isfinite(h2[name][0])), key=lambda name: h2[name], reverse=True
    )
    shown = estimated[:MOST_PHENOTYPES]
    figure, axes = subplots(figsize=(5, 0.2 * len(shown) + 1.6), layout="constrained")
    heights = np.arange(len(shown))
    axes.barh(
        heights, [h2[name][0] for name in shown], xerr=[h2[name][1] for name in shown], color=BLUE,
        error_kw={"elinewidth": 1}, label="additive heritability, one standard error",
    )  # fmt: skip
    marked = [(i, ceiling[name]) for i, name in enumerate(shown) if name in ceiling]
    if marked:
        rows, values = zip(*marked, strict=True)
        axes.plot(values, rows, "D", color=ORANGE, markeredgecolor=GREY, markersize=5,
                  label="noise ceiling")  # fmt: skip
        figure.legend(loc="outside lower center", ncols=2)
    axes.set_yticks(heights, [_short(name) for name in shown], fontsize=8)
    axes.set(xlim=(0, 1), ylim=(len(shown) - 0.4, -0.6), xlabel="share of the variance")
    more = f"the highest {len(shown)} of {len(estimated)}; " if len(shown) < len(estimated) else ""
    figure.suptitle(f"additive heritability, by REML from all loci\n{more}{strains}", fontsize=9)
    return figure


def _short(name: str) -> str:
    """Shorten a name to fit over its axes; names often differ at their end."""
    if len(name) > LONGEST_NAME:
        end = LONGEST_NAME // 2
        name = f"{name[: LONGEST_NAME - end - 1]}…{name[-end:]}"
    return name
