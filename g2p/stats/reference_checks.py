"""Checks of a study's R2 against reference models: ridge, and models without attention.

In: the rows of a study that count (`g2p.study.scored`). Where they have its columns `same_panel`
and `same_setting`, only rows of one setting are compared with one another, else all are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isclose
from statistics import fmean

import pyarrow as pa
import pyarrow.compute as pc

from g2p.config.registry import is_baseline
from g2p.core.grouping import group_by

REFERENCE_MODELS = ("linear_pairwise", "ridge")
# How far the R2 of one ridge may differ between runs: threads change its last digits.
TOLERANCE = 1e-6

Cells = dict[tuple, float]  # (setting, phenotype) -> R2


@dataclass(frozen=True)
class RidgeReference:
    """Ridge on one panel and split, with one preprocessing: a reference line of a figure.

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
    its runs recorded of ridge on the same data (`ridge_r2`). Runs of one panel that differ in
    their phenotypes share a reference unless its values differ, too.

    Args:
        table: rows that count.
        factors: columns that may distinguish the references.
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
        for group_r2, settings in groups:
            if panel_of[settings[0]] == panel and _agree(group_r2, r2):
                group_r2 |= r2
                settings.append(setting)
                break
        else:
            groups.append((r2, [setting]))
    columns = [name for name in factors if name in table.column_names] if len(groups) > 1 else []
    references = []
    for r2, settings in groups:
        rows = table.filter(pc.is_in(table["same_setting"], pa.array(settings, pa.int64())))
        signatures = tuple(rows["signature"].unique().to_pylist())
        references.append(RidgeReference(r2, signatures, _constant_factors(rows, columns)))
    return references


def _agree(one: dict[str, float], other: dict[str, float]) -> bool:
    return all(isclose(one[p], other[p], abs_tol=TOLERANCE) for p in one.keys() & other.keys())


def _constant_factors(rows: pa.Table, factors: list[str]) -> dict[str, object]:
    """Return the factors that have one value in all of these rows."""
    values = {name: rows[name].unique().to_pylist() for name in factors}
    return {name: unique[0] for name, unique in values.items() if len(unique) == 1}


def reference_warnings(table: pa.Table, arm: str = "model") -> list[str]:
    """Return a warning for each arm of an attention model that does not beat a simpler model.

    Compared is the mean test R2 over the phenotypes that both have in the same setting: with
    `linear_pairwise` where the study runs it, and with ridge as `ridge_references` has it.

    Args:
        table: rows that count; all are of attention models where it has no column `model`.
        arm: the factor whose values are the arms.
    """
    table = _tested(table)
    names = table["model_name"].to_pylist()
    attention = table.filter(pa.array([not is_baseline(str(name)) for name in names], pa.bool_()))
    pairwise = table.filter(pc.equal(table["model_name"], "linear_pairwise"))
    reference_r2 = {"linear_pairwise": _means(pairwise, "r2"), "ridge": _ridge(table)}
    sentences = []
    for value in attention[arm].unique():
        arm_r2 = _means(attention.filter(pc.equal(attention[arm], value)), "r2")
        unbeaten = []
        for name in REFERENCE_MODELS:
            shared = [cell for cell in arm_r2 if cell in reference_r2[name]]
            if shared:
                mean, reference = (_mean(r2, shared) for r2 in (arm_r2, reference_r2[name]))
                if mean <= reference:
                    unbeaten.append(f"{name} (mean test R2 {mean:z.4f} against {reference:z.4f})")
        if unbeaten:
            sentences.append(f"{arm}={value} does not beat {' or '.join(unbeaten)}.")
    return sentences


def _tested(table: pa.Table) -> pa.Table:
    """Return test rows with an R2; columns of `g2p.study.scored` that are missing are added."""
    table = table.filter(pc.and_(pc.equal(table["split"], "test"), pc.is_finite(table["r2"])))
    for name in ("same_panel", "same_setting"):
        if name not in table.column_names:
            table = table.append_column(name, pa.array([0] * table.num_rows, pa.int64()))
    if "model_name" not in table.column_names:
        has_model = "model" in table.column_names
        names = table["model"] if has_model else pa.nulls(table.num_rows, pa.string())
        table = table.append_column("model_name", names)
    return table


def _ridge(table: pa.Table) -> Cells:
    """Return ridge's R2 in each setting: of its arm, else as the other runs recorded it.

    Ridge has no seed. Where its R2 differs between runs of a setting, the runs differ in what the
    table does not record, and the setting has no ridge R2.
    """
    ridge_arm = table.filter(pc.equal(table["model_name"], "ridge"))
    recorded = _means(table, "ridge_r2", same=True) if "ridge_r2" in table.column_names else {}
    return recorded | _means(ridge_arm, "r2", same=True)


def _means(table: pa.Table, column: str, *, same: bool = False) -> Cells:
    """Return the mean over the finite runs of each cell; `same`: only cells whose runs agree."""
    table = table.filter(pc.is_finite(table[column]))
    cells = table.group_by(["same_setting", "phenotype"], use_threads=False).aggregate(
        [(column, "mean"), (column, "min"), (column, "max")]
    )
    return {
        (row["same_setting"], row["phenotype"]): row[f"{column}_mean"]
        for row in cells.to_pylist()
        if not same or row[f"{column}_max"] - row[f"{column}_min"] <= TOLERANCE
    }


def _mean(r2: Cells, cells: list[tuple]) -> float:
    """Return the mean over phenotypes, each the mean over its settings."""
    by_phenotype = group_by(cells, lambda cell: cell[1])
    return fmean(fmean(r2[cell] for cell in each) for each in by_phenotype.values())
