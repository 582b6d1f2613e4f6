"""The attention of a network, and whether it shows the interactions."""

import numpy as np
import pandas as pd

from g2p.explain.background import Background
from g2p.explain.subject import Subject
from g2p.models.attention_map import attended, attention_map
from g2p.training.ensemble import networks_of
from g2p.training.inference import on_device

STRAINS = 64  # over which attention is averaged


def attention_table(subject: Subject, background: Background) -> pd.DataFrame | None:
    """Return layer (from 1), locus_a (attends), locus_b (attended to) and weight.

    Weights are means over strains and heads, and over the networks of an ensemble; those of one
    locus_a sum to 1. Loci that attention leaves out (`attended_loci`) have no rows. None for a
    model without attention over loci.
    """
    if not subject.config.model.is_trained:
        return None
    by_network = [
        on_device(attention_map, network, background.calls[:STRAINS])
        for network in networks_of(subject.model.model)
    ]
    maps = [np.mean(layer, axis=0) for layer in zip(*by_network, strict=True)]
    first = networks_of(subject.model.model)[0]  # the others' attention is over the same loci
    names = np.array(subject.loci)[attended(first, len(subject.loci))]
    tables = [
        pd.DataFrame({
            "layer": layer,
            "locus_a": np.repeat(names, len(names)),
            "locus_b": np.tile(names, len(names)),
            "weight": weights_LL.ravel(),
        })
        for layer, weights_LL in enumerate(maps, start=1)
    ]  # fmt: skip
    return pd.concat(tables, ignore_index=True) if tables else None


def rank_correlations(attention: pd.DataFrame, interactions: pd.DataFrame) -> dict[str, float]:
    """Return by layer Spearman's correlation of attention and interaction over pairs of loci.

    Attention between two loci is the mean of both directions; the interaction is the mean over
    phenotypes of its share of the variance. A layer whose attention, or a model whose interactions,
    do not vary has none.
    """
    strength = interactions.groupby(["locus_a", "locus_b"])["variance_share"].mean()
    correlations = {}
    for layer, rows in attention.groupby("layer"):
        weights = both_ways(rows, strength.index)
        if len(strength) > 2 and np.ptp(weights) > 0 and np.ptp(strength.to_numpy()) > 0:
            correlations[str(layer)] = pd.Series(weights, strength.index).corr(strength, "spearman")
    return correlations


def both_ways(layer: pd.DataFrame, pairs: pd.Index) -> np.ndarray:
    """Return the attention between the loci of each pair, the mean of both directions.

    It is 0 where attention leaves a locus out.
    """
    weight = layer.set_index(["locus_a", "locus_b"])["weight"]
    there = weight.reindex(pairs, fill_value=0.0)
    back = weight.reindex(pd.MultiIndex.from_tuples([(b, a) for a, b in pairs]), fill_value=0.0)
    return (there.to_numpy() + back.to_numpy()) / 2
