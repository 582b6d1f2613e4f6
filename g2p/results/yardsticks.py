"""What an R2 is worth: beside the noise ceiling, and beside models without attention."""

from statistics import fmean

import pyarrow as pa
import pyarrow.compute as pc

from g2p.config import is_baseline

YARDSTICKS = ("linear_pairwise", "ridge")


def share_of_ceiling(table: pa.Table) -> pa.ChunkedArray:
    """R2 over the noise ceiling, one for each row; null where the ceiling is not known or is 0."""
    if "noise_ceiling" not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, pa.float64())])
    ceiling = table["noise_ceiling"]
    return pc.divide(table["r2"], pc.if_else(pc.greater(ceiling, 0), ceiling, None))


def warnings(table: pa.Table, arm: str = "model") -> list[str]:
    """A sentence for each arm of an attention model that does not beat a simpler model.

    Compared is the mean test R2 over the phenotypes of both: with `linear_pairwise` where the study
    runs it, with `ridge` as the column `ridge_r2` has it for the same split or else as the
    study runs it.

    Args:
        table: the study's results; all rows are attention models where it has no column `model`.
        arm: the factor that tells the arms apart.
    """
    table = table.filter(pc.and_(pc.equal(table["split"], "test"), pc.is_finite(table["r2"])))
    if "model" not in table.column_names:
        table = table.append_column("model", pa.nulls(table.num_rows, pa.string()))
    named = table["model"].to_pylist()
    attention = table.filter(pa.array([not is_baseline(str(name)) for name in named], pa.bool_()))
    rivals = {
        name: _by_phenotype(table.filter(pc.equal(table["model"], name)), "r2")
        for name in YARDSTICKS
    }
    sentences = []
    for value in attention[arm].unique():
        rows = attention.filter(pc.equal(attention[arm], value))
        own = _by_phenotype(rows, "r2")
        beside = _by_phenotype(rows, "ridge_r2") if "ridge_r2" in rows.column_names else {}
        unbeaten = []
        for name, rival in (rivals | ({"ridge": beside} if beside else {})).items():
            shared = own.keys() & rival.keys()
            if shared:
                ours, theirs = (fmean(r2[key] for key in shared) for r2 in (own, rival))
                if ours <= theirs:
                    unbeaten.append(f"{name} (mean test R2 {ours:.4f} against {theirs:.4f})")
        if unbeaten:
            sentences.append(f"{arm}={value} does not beat {' or '.join(unbeaten)}.")
    return sentences


def _by_phenotype(table: pa.Table, column: str) -> dict[str, float]:
    """Mean of a column over the runs of each phenotype that have a number there."""
    table = table.filter(pc.is_finite(table[column]))
    means = table.group_by("phenotype").aggregate([(column, "mean")])
    return dict(
        zip(means["phenotype"].to_pylist(), means[f"{column}_mean"].to_pylist(), strict=True)
    )
