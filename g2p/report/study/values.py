"""The values in a study's figures that are computed from those of its runs.

In: rows of the results table, of test strains and with a number. A figure draws runs as they are,
and beside them nothing but what these functions give; `mean_r2` is in `results_view`.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from math import sqrt
from statistics import fmean, stdev

import pyarrow as pa

from g2p.report.study.results_view import StudyData, group_by, is_number
from g2p.stats.reference_checks import ridge_references

SAME = 1e-6  # of two means: values of one ridge fit differ by less where it was fitted twice


def repeat_of(data: StudyData, factor: str | None = None) -> Callable[[dict], Hashable]:
    """Return a row's repeat of its arm: its seed and what else varies within arms but `factor`."""
    names = [name for name in ("seed", *data.varying) if name != factor]
    return lambda row: tuple(row[name] for name in names)


def standard_error(
    rows: Iterable[dict], repeat: Callable[[dict], Hashable], phenotypes: Sequence[str], *,
    score: str = "r2",
) -> float | None:  # fmt: skip
    """Standard error, over repeats of a design, of its mean R2 (or `score`) over these phenotypes.

    A repeat (a seed, a fold) gives one mean over the phenotypes; the error is the standard
    deviation of these means over the square root of their number. Phenotypes' own levels are in
    every repeat alike, so they do not count. None with fewer than two repeats that have all
    phenotypes, or where some lack one.
    """
    means = []
    for of_repeat in group_by(rows, repeat).values():
        scores = {row["phenotype"]: row[score] for row in of_repeat}
        if any(name not in scores for name in phenotypes):
            return None
        means.append(fmean(scores[name] for name in phenotypes))
    return stdev(means) / sqrt(len(means)) if len(means) > 1 else None


def error_of_arm(data: StudyData, rows: Iterable[dict], phenotypes: Sequence[str]) -> float | None:
    """Return the standard error of an arm's mean over its repeats; None where it has none.

    Nor has it where its runs differ in settings, as in the number of layers: these are no repeats.
    """
    return None if data.settings else standard_error(rows, repeat_of(data), phenotypes)


def interval_ends(mean: float, error: float | None) -> dict[str, float]:
    """Return kind of a row -> end of the interval of a mean; nothing without an error."""
    return {} if error is None else {"interval_low": mean - error, "interval_high": mean + error}


def reference(
    rows: Iterable[dict], value: Callable[[dict], float | None], arm: Callable[[dict], Hashable]
) -> dict[str, float]:
    """Phenotype -> mean of a value over an arm's runs, where it is the same for every arm.

    An arm that knows no value does not count. Where arms differ in it (they were trained on other
    loci, or tested on other strains), no one value stands beside all of them, and there is none.
    """
    cells = [(row, score) for row in rows if is_number(score := value(row))]
    result = {}
    for name, of_phenotype in group_by(cells, lambda cell: cell[0]["phenotype"]).items():
        by_arm = group_by(of_phenotype, lambda cell: arm(cell[0]))
        means = [fmean(score for _, score in of_arm) for of_arm in by_arm.values()]
        if max(means) - min(means) <= SAME:
            result[name] = means[0]
    return result


def references(table: pa.Table) -> dict[str, Callable[[dict], float | None]]:
    """What stands beside the R2 of a row: the noise ceiling, and ridge on the same panel and split.

    The former is the table's, the latter as `ridge_references` has it for the row's run.
    """
    ridge = {
        (signature, phenotype): r2
        for one in ridge_references(table)
        for signature in one.signatures for phenotype, r2 in one.r2.items()
    }  # fmt: skip
    return {
        "noise_ceiling": lambda row: row.get("noise_ceiling"),
        "ridge_r2": lambda row: ridge.get((row["signature"], row["phenotype"])),
    }
