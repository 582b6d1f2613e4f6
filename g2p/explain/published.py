"""A model's effects against published ones, where the panel carries them."""

import numpy as np
import pandas as pd

from g2p.explain.subject import Subject


def compare_published(subject: Subject, effects: pd.DataFrame) -> dict[str, dict]:
    """Return by phenotype the loci with a published effect, the correlation and equal signs.

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
            "same_sign": float(np.mean(np.sign(rows["effect"]) == np.sign(rows["published"]))),
        }
        for phenotype, rows in compared.groupby("phenotype", sort=False)
    }


def _correlation(a: pd.Series, b: pd.Series) -> float | None:
    if len(a) < 2 or a.nunique() < 2 or b.nunique() < 2:
        return None
    return float(np.corrcoef(a, b)[0, 1])
