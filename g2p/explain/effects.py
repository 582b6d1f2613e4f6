"""The table of effects: a row a phenotype and locus."""

import numpy as np
import pandas as pd

from g2p.explain.background import Background
from g2p.explain.linkage import Linkage
from g2p.explain.mean_differences import MeanDifferences
from g2p.explain.model_weights import locus_weights
from g2p.explain.subject import Subject


def effects_table(
    subject: Subject, background: Background, linkage: Linkage, loci: np.ndarray,
    effects: MeanDifferences, se: np.ndarray | None,
) -> pd.DataFrame:  # fmt: skip
    """Return the effects of K loci on P phenotypes.

    Args:
        subject: what is explained.
        background: the strains.
        linkage: of loci that are flipped together.
        loci: (K,) of the model.
        effects: of each of them.
        se: (K, P) standard deviation over refits; None where there are none.

    Returns:
        phenotype, locus, chromosome, position; effect, of a flip, in original units; se_background,
        its standard error over strains; se, over refits (NaN: none); variance_share, of the
        phenotype's variance, as if the locus were alone; linked, how many others were flipped with
        it; weight, what the model itself says (NaN: nothing); and gene, where the panel has it.
    """
    model, columns = subject.model, subject.columns
    spread = background.calls[:, loci].var(axis=0)[:, None]
    share = (effects.mean / background.step) ** 2 * spread / subject.variance
    weights = locus_weights(model.name, model.model, len(subject.loci))
    is_gain = model.name == "gbdt"  # which has no units
    scale = 1 if is_gain else background.step * model.sd[columns]
    weight = None if weights is None else weights[np.ix_(loci, columns)] * scale
    table = _locus_columns(subject, loci) | {
        "effect": effects.mean, "se_background": effects.se, "se": se, "variance_share": share,
        "linked": linkage.sizes[loci][:, None] - 1, "weight": weight,
    }  # fmt: skip
    return long_form(table, subject.phenotypes, len(loci))


def long_form(columns: dict, phenotypes: list[str], items: int) -> pd.DataFrame:
    """Return a row a phenotype and item of columns (items,), (items, 1) or (items, P)."""
    shape = (items, len(phenotypes))
    table = {"phenotype": np.repeat(phenotypes, items)}
    for name, values in columns.items():
        values = np.asarray(np.nan if values is None else values)
        values = values[:, None] if values.ndim == 1 else values
        table[name] = np.broadcast_to(values, shape).ravel(order="F")
    return pd.DataFrame(table)


def _locus_columns(subject: Subject, loci: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of the locus table that say which loci these are."""
    table = subject.data.loci
    columns = {"locus": "id", "chromosome": "chromosome", "position": "position", "gene": "gene"}
    return {
        name: np.array(table[column].to_pylist(), object if name == "gene" else None)[loci]
        for name, column in columns.items()
        if column in table.column_names
    }
