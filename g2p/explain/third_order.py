"""Interactions of three loci: which third locus a pair's interaction depends on.

A pure product of three balanced loci has no mean interaction of any two; but the double difference
of two of them then varies between strains, with the alleles of the third. So the pairs whose
double differences vary most are examined with every third locus.
"""

import numpy as np
import pandas as pd

from g2p.explain.background import Background
from g2p.explain.effects import long_form
from g2p.explain.linkage import Linkage
from g2p.explain.mean_differences import MeanDifferences
from g2p.explain.subject import Subject

PAIRS = 10  # whose double differences vary most
SMALLEST = 1e-6  # of a phenotype's standard deviation, above rounding errors


def candidate_triples(
    pairs: np.ndarray, differences: MeanDifferences, flipped: Linkage, deviation: np.ndarray
) -> np.ndarray:
    """Return triples (n, 3) of loci: the pairs (M, 2) that vary most, with every third locus.

    Args:
        pairs: of loci.
        differences: double differences of each.
        flipped: loci that are flipped together, and are no third to each other.
        deviation: (P,) of the phenotypes.
    """
    varies = (differences.sd / deviation).max(axis=1, initial=0)
    strongest = np.argsort(-varies, kind="stable")[:PAIRS]
    separable = set(map(tuple, pairs.tolist()))  # these can be flipped apart
    triples = {
        tuple(sorted((a, b, c)))
        for a, b in pairs[strongest[varies[strongest] > SMALLEST]].tolist()
        for c in np.unique(pairs).tolist()
        if {tuple(sorted((a, c))), tuple(sorted((b, c)))} <= separable
    }
    return np.array(sorted(triples), dtype=int).reshape(-1, 3)


def triples_table(
    subject: Subject, background: Background, triples: np.ndarray, differences: MeanDifferences
) -> pd.DataFrame:
    """Return a row a phenotype and triple, the strongest first within a phenotype.

    Columns: phenotype, locus_a, locus_b, locus_c; effect, the third difference f(+++) - ... -
    f(---), in original units; se_background; variance_share.
    """
    centred = background.calls - background.calls.mean(axis=0)
    spread = centred[:, triples].prod(axis=2).var(axis=0)[:, None]
    names = np.array(subject.loci)
    columns = {f"locus_{letter}": names[triples[:, i]] for i, letter in enumerate("abc")}
    share = (differences.mean / background.step**3) ** 2 * spread / subject.variance
    columns |= {
        "effect": differences.mean, "se_background": differences.se, "variance_share": share,
    }  # fmt: skip
    table = long_form(columns, subject.phenotypes, len(triples))
    order = table["phenotype"].map({name: i for i, name in enumerate(subject.phenotypes)})
    return (
        table.assign(order=order)
        .sort_values(["order", "variance_share"], ascending=[True, False], kind="stable")
        .drop(columns="order")
        .reset_index(drop=True)
    )
