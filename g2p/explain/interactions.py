"""The table of interactions: a row a phenotype and pair of loci."""

import numpy as np
import pandas as pd
from scipy import stats

from g2p.baselines import fit_closed_form
from g2p.explain.background import Background
from g2p.explain.effects import long_form
from g2p.explain.linkage import Linkage
from g2p.explain.mean_differences import MeanDifferences
from g2p.explain.model_weights import pair_weights
from g2p.explain.pair_tests import directed_p, propose
from g2p.explain.subject import Subject

FALSE_DISCOVERIES = 0.05  # among the claimed pairs, at most, expected


def separable_pairs(loci: np.ndarray, flipped: Linkage) -> np.ndarray:
    """Return the pairs (M, 2) of these loci that can be flipped apart, ascending."""
    loci = np.sort(loci)
    member = np.zeros((len(loci), flipped.n_loci), bool)
    for i, locus in enumerate(loci):
        member[i, flipped.of(locus)[0]] = True
    overlap = member.astype(np.float32) @ member.T.astype(np.float32) > 0
    first, second = np.nonzero(np.triu(~overlap, 1))
    return np.stack([loci[first], loci[second]], axis=1)


def interactions_table(
    subject: Subject, background: Background, linkage: Linkage, pairs: np.ndarray,
    differences: MeanDifferences, most: int,
) -> tuple[pd.DataFrame, list[np.ndarray], list[str]]:  # fmt: skip
    """Return the interactions of pairs (M, 2), those claimed among them.

    Args:
        subject: what is explained.
        background: the strains.
        linkage: of loci that cannot be told apart.
        pairs: of loci.
        differences: double differences of each.
        most: proposals a phenotype.

    Returns:
        The table: phenotype, locus_a, locus_b; effect, f(++) - f(+-) - f(-+) + f(--), in original
        units; se_background; sd_background, between strains; variance_share, of the phenotype's
        variance; p, q (NaN: not proposed) and claimed; and weight, of a model with products.
        Further, which pairs each phenotype proposed, the strongest first; and what tests are given.
    """
    a, b = pairs.T
    centred = background.calls - background.calls.mean(axis=0)
    spread = (centred[:, a] * centred[:, b]).var(axis=0)[:, None]
    share = (differences.mean / background.step**2) ** 2 * spread / subject.variance
    proposed = [propose(column, pairs, linkage, most) for column in share.T]
    p = np.full(share.shape, np.nan)
    conditions: list[str] = []
    additive = _additive_predictions(subject)
    genotypes, observed = subject.test
    for i, rows in enumerate(proposed):
        has_value = np.isfinite(observed[:, i])
        if len(rows):
            p[rows, i], condition = directed_p(
                observed[has_value, i],
                genotypes[has_value].astype(np.float64),
                pairs[rows],
                np.sign(differences.mean[rows, i]),
                additive[has_value, i],
            )
            conditions.append(condition)
    q = np.full(share.shape, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        q[tested] = stats.false_discovery_control(p[tested])
    names = np.array(subject.loci)
    model, columns = subject.model, subject.columns
    weights = pair_weights(model.name, model.model, pairs)
    scale = background.step**2 * model.sd[columns]
    columns_of_table = {
        "locus_a": names[a], "locus_b": names[b], "effect": differences.mean,
        "se_background": differences.se, "sd_background": differences.sd, "variance_share": share,
        "p": p, "q": q, "claimed": q <= FALSE_DISCOVERIES,
        "weight": None if weights is None else weights[:, columns] * scale,
    }  # fmt: skip
    table = long_form(columns_of_table, subject.phenotypes, len(pairs))
    return table, proposed, list(dict.fromkeys(conditions))


def _additive_predictions(subject: Subject) -> np.ndarray:
    """Return predictions (n, P) of the test strains by ridge, fitted on training strains."""
    genotypes, phenotypes = subject.data.subset("train")
    ridge = fit_closed_form({"name": "ridge"}, genotypes, phenotypes[:, subject.columns])
    return ridge.predict(subject.test[0])
