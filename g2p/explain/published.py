"""A model's effects against published ones, where the panel carries them."""

import numpy as np
import pandas as pd

from g2p.explain.subject import Subject

SMALLEST = 1e-6  # of the largest effect, above which one is no rounding error


def compare_published(subject: Subject, effects: pd.DataFrame) -> dict[str, dict]:
    """Return by phenotype the loci with a published effect, correlation, and share of equal signs.

    The alleles of a panel with published effects are coded as these count them, so an effect of the
    code has the sign of the published one. Empty where the panel has none.
    """
    table = subject.panel.loci
    if "published_effect" not in table.column_names:
        return {}
    names, values = table["id"].to_pylist(), table["published_effect"].to_pylist()
    published = effects["locus"].map(dict(zip(names, values, strict=True))).astype(float)
    compared = effects.assign(published=published).dropna(subset=["published"])
    return {
        str(phenotype): {
            "loci": len(rows),
            "correlation": _correlation(rows["effect"], rows["published"]),
            "same_sign": _same_sign(rows["effect"], rows["published"]),
        }
        for phenotype, rows in compared.groupby("phenotype", sort=False)
    }


def _same_sign(effects: pd.Series, published: pd.Series) -> float | None:
    """Return the share of loci with an effect whose sign is that of the published one."""
    has_effect = effects.abs() > SMALLEST * effects.abs().max()
    if not has_effect.any():
        return None
    return float((np.sign(effects) == np.sign(published))[has_effect].mean())


def _correlation(a: pd.Series, b: pd.Series) -> float | None:
    if len(a) < 2 or a.nunique() < 2 or b.nunique() < 2:
        return None
    return float(np.corrcoef(a, b)[0, 1])
