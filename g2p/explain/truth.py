"""What a model claims against what is true, where a simulated panel says it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from g2p.data.panel import Panel
from g2p.data.sources.epistasis import effect_powers
from g2p.explain.linkage import linked_loci
from g2p.explain.subject import Subject

LINKED = 0.5  # |r| from which on a locus stands for the true one
LEAST_SHARE = 0.005  # of the phenotype's variance, for a true pair to count for recall


@dataclass(frozen=True, eq=False)
class TruePairs:
    """The interacting pairs of a simulated panel.

    Attributes:
        pairs: (n, 2) columns of the panel.
        share: (n, P), of each phenotype's variance.
    """

    pairs: np.ndarray
    share: np.ndarray


def true_pairs(panel: Panel, options: Mapping) -> TruePairs | None:
    """Return the true pairs of a panel; None where the panel does not know them.

    Args:
        panel: a panel.
        options: of its source, `config.data`.
    """
    truth = panel.truth
    if truth is None:
        return None
    P = len(panel.phenotype_names)
    if "effects" in truth:  # data=simulated
        pairs, effects = np.array(truth["sets"][1]), np.array(truth["effects"][1])
    else:  # data=epistasis
        pairs, loci = np.array(truth["sets"]), len(truth["of_loci"])
        weight = -0.01 * (1 - options["epsilon"]) / loci
        effects = weight * np.array(truth["of_sets"]) @ effect_powers(options["temperatures"])
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs):
        return TruePairs(np.empty((0, 2), int), np.empty((0, P)))
    products = panel.genotypes[:, pairs[:, 0]] * panel.genotypes[:, pairs[:, 1]]
    variance = np.nanvar(panel.phenotypes, axis=0)
    return TruePairs(pairs, effects**2 * products.var(axis=0)[:, None] / variance)


def score_claims(subject: Subject, true: TruePairs, interactions: pd.DataFrame) -> dict:
    """Return `recall` and `fdr`, pooled over phenotypes, and what they count.

    A claim is true if each of its loci is a locus of a true pair, or linked with one (|r| of at
    least 0.5 on its chromosome). Several claims of one true pair count once. A true pair counts for
    recall where it has at least 0.5% of the phenotype's variance.

    Args:
        subject: what is explained.
        true: the true pairs of its panel.
        interactions: of its model; those that are `claimed` count.
    """
    panel = subject.panel
    column = {name: i for i, name in enumerate(panel.loci["id"].to_pylist())}
    number = {name: panel.phenotype_names.index(name) for name in subject.phenotypes}
    claimed = interactions[interactions["claimed"]]
    claims = [
        (number[phenotype], column[a], column[b])
        for phenotype, a, b in claimed[["phenotype", "locus_a", "locus_b"]].to_numpy(str)
    ]
    linkage = linked_loci(panel.genotypes, panel.loci["chromosome"].to_pylist(), LINKED)
    recovered: set[tuple[int, int]] = set()
    false = 0
    for phenotype, a, b in claims:
        matches = np.flatnonzero(linkage.match((a, b), true.pairs))
        recovered |= {(phenotype, int(i)) for i in matches}
        false += not len(matches)
    pairs, phenotypes = np.nonzero(true.share >= LEAST_SHARE)
    chosen = set(number.values())
    large = {
        (phenotype, pair)
        for phenotype, pair in zip(phenotypes.tolist(), pairs.tolist(), strict=True)
        if phenotype in chosen
    }
    return {
        "recall": len(large & recovered) / len(large) if large else None,
        "fdr": false / (len(recovered) + false) if claims else 0.0,
        "true_pairs": len(large),
        "found": len(large & recovered),
        "claims": len(claims),
        "false_claims": false,
    }
