"""Effects along the genome, chromosome by chromosome."""

import pandas as pd
from matplotlib.figure import Figure

from g2p.core.plot_style import BLUE, GREY, subplots
from g2p.explain.explanation import Explanation
from g2p.explain.labels import chromosome_ticks, locus_labels

NAMED = 6  # loci named along the genome, of one phenotype
LINE, WIDTH = 0.95, 8.0  # inches


def effects_along_genome(explanation: Explanation) -> tuple[Figure, pd.DataFrame]:
    """Draw the effect of each locus at its position, a row of axes a phenotype."""
    effects = explanation.effects.copy()
    phenotypes = list(effects["phenotype"].unique())
    effects["x"], bounds = genome_positions(effects)
    height = max(2.4, LINE * len(phenotypes)) + 0.6
    figure, grid = subplots(
        len(phenotypes), 1, figsize=(WIDTH, height), layout="constrained", squeeze=False,
        sharex=True,
    )  # fmt: skip
    for axes, phenotype in zip(grid[:, 0], phenotypes, strict=True):
        rows = effects[effects["phenotype"] == phenotype]
        for _, first, last in bounds[1::2]:
            axes.axvspan(first, last, color="#f2f2f2", linewidth=0)
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.vlines(rows["x"], 0, rows["effect"], color=BLUE, linewidth=0.8)
        axes.plot(rows["x"], rows["effect"], "o", color=BLUE, markersize=2.5)
        if len(phenotypes) > 1:
            axes.set_ylabel(phenotype, rotation=0, ha="right", va="center")
        else:
            axes.set_ylabel(f"effect on {phenotype}")
        axes.locator_params(axis="y", nbins=3 if len(phenotypes) > 1 else 6)
        if len(phenotypes) == 1:
            axes.margins(y=0.12)  # for the names
            _name_strongest(axes, rows)
    grid[-1, 0].set_xticks(*chromosome_ticks(bounds, WIDTH - 0.8))
    for axes in grid[:, 0]:
        axes.tick_params(axis="x", length=0)
        axes.spines["bottom"].set_visible(False)
    grid[-1, 0].set_xlabel("chromosome")
    figure.suptitle(f"{explanation.facts['model']}: effect of each locus, original units")
    return figure, effects.drop(columns="x")


def genome_positions(effects: pd.DataFrame) -> tuple[pd.Series, list[tuple[str, float, float]]]:
    """Return the position of each row along the genome, and the bounds of each chromosome."""
    x = pd.Series(0.0, index=effects.index)
    bounds, start = [], 0.0
    gap = 0.0
    for chromosome, rows in effects.groupby("chromosome", sort=False):
        position = rows["position"].astype(float)
        low, length = position.min(), max(position.max() - position.min(), 1.0)
        gap = gap or length * 0.05
        x[rows.index] = start + gap + position - low
        bounds.append((str(chromosome), start, start + length + 2 * gap))
        start += length + 2 * gap
    return x, bounds


def _name_strongest(axes, rows: pd.DataFrame) -> None:
    labels = locus_labels(rows)
    strongest = rows.reindex(rows["effect"].abs().sort_values(ascending=False).index[:NAMED])
    for row in strongest.to_dict("records"):
        above = row["effect"] > 0
        axes.annotate(
            labels[row["locus"]], (row["x"], row["effect"]), xytext=(0, 4 if above else -4),
            textcoords="offset points", ha="center", va="bottom" if above else "top", fontsize=8,
        )  # fmt: skip
