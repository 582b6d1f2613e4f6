"""Pairs of loci as triangles: interactions, and attention beside them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from g2p.core.plot_style import subplots
from g2p.explain.attention import both_ways
from g2p.explain.explanation import Explanation
from g2p.explain.labels import chromosome_ticks


def interactions_triangle(explanation: Explanation) -> tuple[Figure, pd.DataFrame] | None:
    """Draw the interaction of each pair as a cell below the diagonal; claimed pairs are marked.

    It is the effect of one phenotype, of several the mean share of variance.
    """
    table = explanation.interactions
    if table.empty:
        return None
    n = table["phenotype"].nunique()
    column, label = (
        ("effect", "effect, original units")
        if n == 1
        else ("variance_share", f"share of variance, mean of {n} phenotypes")
    )
    by_pair = table.groupby(["locus_a", "locus_b"], sort=False)
    drawn = by_pair.agg(value=(column, "mean"), claimed=("claimed", "any")).reset_index()
    figure, axes = subplots(figsize=(6.4, 5.6), layout="constrained")
    loci = _triangle(explanation, figure, axes, drawn, "value", label)
    claimed = drawn[drawn["claimed"]]
    number = {name: i for i, name in enumerate(loci)}
    axes.plot(
        [number[name] for name in claimed["locus_a"]],
        [number[name] for name in claimed["locus_b"]],
        "s", color="black", markersize=3, fillstyle="none", markeredgewidth=0.7,
        label=f"claimed: {len(claimed)} of {len(drawn):,} pairs",
    )  # fmt: skip
    axes.legend(loc="upper right")
    axes.set_title(f"{explanation.facts['model']}: interactions of {len(loci)} loci")
    return figure, drawn


def attention_beside(explanation: Explanation) -> tuple[Figure, pd.DataFrame] | None:
    """Draw attention, the mean of both directions, beside interactions, a layer each."""
    attention, pairs = explanation.attention, explanation.interactions
    if attention is None or pairs.empty:
        return None
    shares = pairs.groupby(["locus_a", "locus_b"], sort=False)["variance_share"].mean()
    drawn = shares.reset_index()
    layers = list(attention["layer"].unique())
    for layer in layers:
        drawn[f"attention_{layer}"] = both_ways(
            attention[attention["layer"] == layer], shares.index
        )
    columns = len(layers) + 1
    figure, grid = subplots(
        1, columns, figsize=(3.7 * columns, 3.4), layout="constrained", squeeze=False
    )
    _triangle(explanation, figure, grid[0, 0], drawn, "variance_share", "share of variance")
    grid[0, 0].set_title("interactions")
    for axes, layer in zip(grid[0, 1:], layers, strict=True):
        _triangle(explanation, figure, axes, drawn, f"attention_{layer}", "mean weight")
        rank = explanation.facts["attention"].get(str(layer))
        agree = "no rank correlation" if rank is None else f"rank correlation {rank:z.2f}"
        axes.set_title(f"attention, layer {layer}\n{agree}")
    return figure, drawn


def _triangle(
    explanation: Explanation, figure: Figure, axes, pairs: pd.DataFrame, column: str, label: str
) -> list[str]:
    """Draw a column of pairs as cells below the diagonal; return the loci in their order."""
    from matplotlib.colors import FuncNorm

    used = {*pairs["locus_a"], *pairs["locus_b"]}
    table = explanation.effects.drop_duplicates("locus")
    table = table[table["locus"].isin(used)]
    loci = table["locus"].tolist()
    number = {name: i for i, name in enumerate(loci)}
    cells = np.full((len(loci), len(loci)), np.nan)
    a, b = (np.array([number[name] for name in pairs[side]]) for side in ("locus_a", "locus_b"))
    cells[np.maximum(a, b), np.minimum(a, b)] = pairs[column]
    signed = np.nanmin(cells) < 0
    most = np.nanmax(np.abs(cells)) or 1.0
    # Few pairs are strong: a square root shows the others, too.
    norm = FuncNorm((_signed_root, _signed_square), vmin=-most if signed else 0, vmax=most)
    colours = "RdBu_r" if signed else "Blues"
    image = axes.imshow(cells, cmap=colours, norm=norm, interpolation="nearest")
    ticks = [share * most for share in ((-1, -0.25, 0, 0.25, 1) if signed else (0, 0.25, 1))]
    bar = figure.colorbar(
        image, ax=axes, label=f"{label}; colours by its root", shrink=0.8, ticks=ticks
    )
    bar.ax.set_yticklabels([f"{tick:.2g}" for tick in ticks])
    chromosomes = table["chromosome"].tolist()
    starts = [i for i, name in enumerate(chromosomes) if i == 0 or name != chromosomes[i - 1]]
    ends = [*starts[1:], len(loci)]
    bounds = [(chromosomes[i], i - 0.5, end - 0.5) for i, end in zip(starts, ends, strict=True)]
    inches = 0.7 * figure.get_figheight()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(*chromosome_ticks(bounds, inches))
        axis.set_tick_params(length=0, labelsize=7)
    for start in starts[1:]:
        axes.plot([-0.5, start - 0.5], [start - 0.5] * 2, color="#dddddd", linewidth=0.4)
        axes.plot([start - 0.5] * 2, [start - 0.5, len(loci) - 0.5], color="#dddddd", linewidth=0.4)
    axes.set(xlabel="chromosome", ylabel="chromosome")
    return loci


def _signed_root(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.sqrt(np.abs(x))


def _signed_square(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.square(x)
