"""Hubs: the loci with the strongest interactions."""

import pandas as pd
from matplotlib.figure import Figure

from g2p.core.plot_style import BLUE, subplots
from g2p.explain.explanation import Explanation
from g2p.explain.labels import locus_labels
from g2p.explain.pair_tests import SMALLEST

HUBS = 12  # that are drawn


def hub_table(explanation: Explanation) -> pd.DataFrame:
    """Return a row a locus, the strongest first: label, interaction variance, claimed pairs.

    Variances are sums over the locus's pairs, means over phenotypes.
    """
    pairs = explanation.interactions
    n_phenotypes = max(pairs["phenotype"].nunique(), 1)
    sides = pd.concat([
        pairs.assign(locus=pairs[side], claimed_share=pairs["variance_share"] * pairs["claimed"])
        for side in ("locus_a", "locus_b")
    ])  # fmt: skip
    table = sides.groupby("locus", sort=False).agg(
        all_pairs=("variance_share", "sum"), claimed_pairs=("claimed_share", "sum"),
        claims=("claimed", "sum"),
    )  # fmt: skip
    table[["all_pairs", "claimed_pairs"]] /= n_phenotypes
    labels = locus_labels(explanation.effects)
    table.insert(0, "label", [labels[locus] for locus in table.index])
    return table.sort_values("all_pairs", ascending=False, kind="stable").reset_index()


def hubs(explanation: Explanation) -> tuple[Figure, pd.DataFrame] | None:
    """Draw the loci with the most interaction variance, claimed pairs apart from the others."""
    table = hub_table(explanation)
    if table.empty or not table["all_pairs"].max() > SMALLEST:
        return None
    rows = table.head(HUBS).iloc[::-1]
    figure, axes = subplots(figsize=(6, 0.5 + 0.26 * len(rows) + 0.5), layout="constrained")
    axes.barh(rows["label"], 100 * rows["all_pairs"], color="#c9d6e2", label="all examined pairs")
    axes.barh(rows["label"], 100 * rows["claimed_pairs"], color=BLUE, label="claimed pairs")
    n = explanation.interactions["phenotype"].nunique()
    of_several = f", mean of {n} phenotypes" if n > 1 else ""
    axes.set_xlabel(f"% of the phenotype's variance, sum over the locus's pairs{of_several}")
    axes.legend(loc="lower right")
    axes.set_title(f"{explanation.facts['model']}: loci with the strongest interactions")
    return figure, table
