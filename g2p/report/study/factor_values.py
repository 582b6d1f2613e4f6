"""The values of the figure of R2 against a numeric factor."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from g2p.core.formatting import label
from g2p.report.study.results_view import StudyData, group_by, mean_r2
from g2p.report.study.values import interval_ends, reference, repeat_of, standard_error

MOST_LINES = 8  # that a reader can distinguish
CEILING = "noise_ceiling"
N_TRAIN = "split.n_train"


@dataclass(frozen=True)
class Axis:
    """How a factor is drawn on x.

    Attributes:
        name: of the figure.
        heading: of the figure.
        xlabel: of the axis.
        log: whether its scale is logarithmic.
        null: the label of the value null, if that is a value.
        panels: whether each value is another panel, with another noise ceiling.
    """

    name: str
    heading: str
    xlabel: str
    log: bool = False
    null: str | None = None
    panels: bool = False


AXES = {
    "model.num_layers": Axis("layers", "Test R2 by number of layers", "layers"),
    "transfer.observations": Axis(
        "transfer", "Test R2 by number of known values",
        "known values of the phenotype", log=True, null="all",
    ),
    N_TRAIN: Axis(
        "n_train", "Test R2 by strains to learn from", "strains to learn from", log=True, null="all"
    ),
    "data.epsilon": Axis(
        "epsilon", "Test R2 from epistatic to additive", "epsilon (1: purely additive)", panels=True
    ),
}  # fmt: skip


def factor_values(data: StudyData, factor: str) -> list[dict]:
    """All drawn values: runs, their mean by phenotype, the mean over phenotypes and its error.

    Means are over the phenotypes that every point of every line has, else they would not compare.
    A line that has no value of the factor has only a mean. The factor's value null is its label
    here.
    """
    axis = AXES[factor]
    points = {name: _points(rows, axis, factor) for name, rows in _lines(data, factor).items()}
    each = [{row["phenotype"] for row in rows} for at in points.values() for rows in at.values()]
    common = [name for name in data.phenotypes if all(name in names for names in each)]
    repeat = repeat_of(data, factor)
    values = []

    def add(kind: str, line: str | None, x, r2: float, **more) -> None:
        defaults = {"phenotype": None, "seed": None, "runs": None, "phenotypes": None,
                 "signature": None}  # fmt: skip
        row = {"kind": kind, "line": line, factor: x, "test_r2": r2}
        values.append({**row, **defaults, **more})

    for line, at in points.items():
        for x, rows in at.items():
            if x is not None:
                for name, phenotype_rows in group_by(rows, lambda row: row["phenotype"]).items():
                    for row in phenotype_rows:
                        add("run", line, x, row["r2"], phenotype=name, seed=row["seed"],
                            signature=row["signature"])  # fmt: skip
                    add("phenotype_mean", line, x, mean_r2(phenotype_rows), phenotype=name,
                        runs=len(phenotype_rows))  # fmt: skip
            shared = [row for row in rows if row["phenotype"] in common]
            if shared:
                mean = mean_r2(shared)
                add("mean", line, x, mean, runs=len(shared), phenotypes=len(common))
                ends = interval_ends(mean, standard_error(shared, repeat, common))
                for kind, r2 in ends.items():
                    add(kind, line, x, r2, phenotypes=len(common))
    if axis.panels:
        for x in sort_values({x for at in points.values() for x in at if x is not None}):
            rows = [row for at in points.values() for row in at.get(x, [])]
            ceilings = reference(rows, lambda row: row.get(CEILING), data.arm_of)
            if common and all(name in ceilings for name in common):
                ceiling = fmean(ceilings[name] for name in common)
                add(CEILING, None, x, ceiling, phenotypes=len(common))
    return values


def _lines(data: StudyData, factor: str) -> dict[str, list[dict]]:
    """Arms or, where that makes few enough lines, arms by their other settings."""
    others = [name for name in data.settings if name != factor]

    def long(row: dict) -> str:
        arm = [] if data.arm == factor else [data.arm_of(row)]
        settings = [f"{name} {label(row[name])}" for name in others if row[name] is not None]
        return ", ".join([*arm, *settings]) or "all runs"

    def short(row: dict) -> str:
        return "all runs" if data.arm == factor else data.arm_of(row)

    return group_by(data.rows, long if len({*map(long, data.rows)}) <= MOST_LINES else short)


def _points(rows: Sequence[dict], axis: Axis, factor: str) -> dict:
    """The rows at each value of the factor, in its order; at None those of a line without any."""
    at = group_by(rows, lambda row: axis.null if row[factor] is None else row[factor])
    if len(at) > 1:
        at.pop(None, None)
    return {x: at[x] for x in sort_values(at)}


def sort_values(values: Iterable) -> list:
    """Numbers, then the label of null, then None."""
    number = (int, float)
    return sorted(
        values, key=lambda x: (x is None, isinstance(x, str), x if isinstance(x, number) else 0)
    )
