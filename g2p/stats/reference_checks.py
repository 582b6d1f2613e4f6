"""What an R2 is worth: beside the noise ceiling, and beside models without attention.

In: the rows of a study that count (`g2p.study.scored`). Where they have its columns `same_panel`
and `same_setting`, only rows of one setting are set beside one another, else all are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isclose
from statistics import fmean

import pyarrow as pa
import pyarrow.compute as pc

from g2p.config.registry import is_baseline

YARDSTICKS = ("linear_pairwise", "ridge")
# How far the R2 of one ridge may differ between runs: threads change its last digits.
SAME = 1e-6

Cells = dict[tuple, float]  # (setting, phenotype) -> R2


@dataclass(frozen=True)
class RidgeReference:
    """Ridge on one panel and split, preprocessed in one way: what a line of a figure shows.

    Attributes:
        r2: phenotype -> test R2; without those on which runs of the setting disagree.
        signatures: the runs that were fitted on the same, ridge's own among them.
        where: factor -> value, of the factors in which this reference's runs differ from those of
            the study's other references; empty where there is one.
    """

    r2: dict[str, float]
    signatures: tuple[str, ...]
    where: dict[str, object]


def ridge_references(table: pa.Table, factors: Iterable[str] = ()) -> list[RidgeReference]:
    """Return ridge's test R2 for each panel of a study, in the table's order.

    The values are those of the study's ridge arm where it has one in that setting, and else what
    its runs recorded of ridge on their own data (`ridge_r2`). Runs of one panel that differ in
    their phenotypes share a reference unless its values differ, too.

    Args:
        table: rows that count.
        factors: columns that tell the references apart.
    """
    table = _tested(table)
    by_setting: dict[int, dict[str, float]] = {}
    for (setting, phenotype), value in _ridge(table).items():
        by_setting.setdefault(setting, {})[phenotype] = value
    panel_of = dict(
        zip(table["same_setting"].to_pylist(), table["same_panel"].to_pylist(), strict=True)
    )
    groups: list[tuple[dict[str, float], list[int]]] = []
    for setting, panel in panel_of.items():
        r2 = by_setting.get(setting, {})
        if not r2:
            continue
        for known, settings in groups:
            if panel_of[settings[0]] == panel and _agree(known, r2):
                known |= r2
                settings.append(setting)
                break
        else:
            groups.append((r2, [setting]))
    told = [name for name in factors if name in table.column_names] if len(groups) > 1 else []
    references = []
    for r2, settings in groups:
        rows = table.filter(pc.is_in(table["same_setting"], pa.array(settings, pa.int64())))
        signatures = tuple(rows["signature"].unique().to_pylist())
        references.append(RidgeReference(r2, signatures, _where(rows, told)))
    return references


def _agree(one: dict[str, float], other: dict[str, float]) -> bool:
    return all(isclose(one[p], other[p], abs_tol=SAME) for p in one.keys() & other.keys())


def _where(rows: pa.Table, factors: list[str]) -> dict[str, object]:
    """The factors that have one value in all of these rows."""
    values = {name: rows[name].unique().to_pylist() for name in factors}
    return {name: found[0] for name, found in values.items() if len(found) == 1}


def reference_warnings(table: pa.Table, arm: str = "model") -> list[str]:
    """A sentence for each arm of an attention model that does not beat a simpler model.

    Compared is the mean test R2 over the phenotypes that both have in the same setting: with
    `linear_pairwise` where the study runs it, and with ridge as `ridge_references` has it.

    Args:
        table: rows that count; all are of attention models where it has no column `model`.
        arm: the factor that tells the arms apart.
    """
    table = _tested(table)
    names = table["model_name"].to_pylist()
    attention = table.filter(pa.array([not is_baseline(str(name)) for name in names], pa.bool_()))
    pairwise = table.filter(pc.equal(table["model_name"], "linear_pairwise"))
    rivals = {"linear_pairwise": _means(pairwise, "r2"), "ridge": _ridge(table)}
    sentences = []
    for value in attention[arm].unique():
        own = _means(attention.filter(pc.equal(attention[arm], value)), "r2")
        unbeaten = []
        for name in YARDSTICKS:
            shared = [cell for cell in own if cell in rivals[name]]
            if shared:
                ours, theirs = (_mean(r2, shared) for r2 in (own, rivals[name]))
                if ours <= theirs:
                    unbeaten.append(f"{name} (mean test R2 {ours:z.4f} against {theirs:z.4f})")
        if unbeaten:
            sentences.append(f"{arm}={value} does not beat {' or '.join(unbeaten)}.")
    return sentences


def _tested(table: pa.Table) -> pa.Table:
    """Test rows with a number; columns of `g2p.study.scored` that are not there are made up."""
    table = table.filter(pc.and_(pc.equal(table["split"], "test"), pc.is_finite(table["r2"])))
    for name in ("same_panel", "same_setting"):
        if name not in table.column_names:
            table = table.append_column(name, pa.array([0] * table.num_rows, pa.int64()))
    if "model_name" not in table.column_names:
        known = "model" in table.column_names
        names = table["model"] if known else pa.nulls(table.num_rows, pa.string())
        table = table.append_column("model_name", names)
    return table


def _ridge(table: pa.Table) -> Cells:
    """Ridge's R2 in each setting: of its own arm, else as the other runs recorded it.

    It has no seed, so where it is not the same in all runs of a setting they are of several kinds
    that the table does not tell apart, and none is ridge's.
    """
    own = table.filter(pc.equal(table["model_name"], "ridge"))
    recorded = _means(table, "ridge_r2", same=True) if "ridge_r2" in table.column_names else {}
    return recorded | _means(own, "r2", same=True)


def _means(table: pa.Table, column: str, *, same: bool = False) -> Cells:
    """Mean over the runs of each cell that have a number; `same`: only where it is one number."""
    table = table.filter(pc.is_finite(table[column]))
    found = table.group_by(["same_setting", "phenotype"], use_threads=False).aggregate(
        [(column, "mean"), (column, "min"), (column, "max")]
    )
    return {
        (row["same_setting"], row["phenotype"]): row[f"{column}_mean"]
        for row in found.to_pylist()
        if not same or row[f"{column}_max"] - row[f"{column}_min"] <= SAME
    }


def _mean(r2: Cells, cells: list[tuple]) -> float:
    """Over phenotypes, which count alike in however many settings they are."""
    by_phenotype: dict[str, list[float]] = {}
    for cell in cells:
        by_phenotype.setdefault(cell[1], []).append(r2[cell])
    return fmean(map(fmean, by_phenotype.values()))
