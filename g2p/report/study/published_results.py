"""Published test R2 in the environments of the BBQ panel, each with its source.

The facts are the CSV files in `published/`; their first lines say where they come from. They are of
that panel (data=bbq) on its published split: a simulated panel has phenotypes of the same names.
Published curves against the number of training strains are of data=bbq_li.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

import pyarrow as pa

from g2p.report.study.results_view import group_by

FOLDER = Path(__file__).parent / "published"
# Below, EpiK's curves do not compare: one has R2 0.59 at 19 strains, which so few cannot give.
FEWEST_STRAINS = 1000


@dataclass(frozen=True)
class Published:
    """The published test R2 of one model.

    Attributes:
        name: of the model, as in the files.
        model: its name in g2p, None where g2p does not have it.
        source: the paper or study, and how the numbers were obtained.
        r2: test R2 by phenotype, a mean over replicates where there are several.
        sd: of the replicates, by phenotype; empty where there is one.
    """

    name: str
    model: str | None
    source: str
    r2: dict[str, float]
    sd: dict[str, float]


def published(phenotypes: Iterable[str]) -> list[Published]:
    """Return the published results for these phenotypes, without models that have none of them."""
    names = set(phenotypes)
    values = [
        (model, row["phenotype"], float(r2))
        for row in _rows("bbq_test_r2") for model, r2 in row.items()
        if model != "phenotype" and r2  # figure 3 lacks two values
    ]  # fmt: skip
    values += [
        (row["model"], row["phenotype"], float(row["test_r2"]))
        for row in _rows("arcadia_replicates")
    ]
    replicates = group_by(values, lambda value: value[:2])
    results = []
    for row in _rows("models"):
        scores = {
            phenotype: [r2 for *_, r2 in each] for (model, phenotype), each in replicates.items()
            if model == row["name"] and phenotype in names
        }  # fmt: skip
        if scores:
            results.append(
                Published(
                    name=row["name"],
                    model=row["model"] or None,
                    source=row["source"],
                    r2={k: fmean(v) for k, v in scores.items()},
                    sd={k: stdev(v) for k, v in scores.items() if len(v) > 1},
                )
            )
    return results


@dataclass(frozen=True)
class PublishedPoint:
    """A point of a published curve.

    Attributes:
        model: as published, "connectedness" say.
        n_train: its training strains.
        r2: mean test R2 of the draws of these strains.
        error: its standard error, sd / sqrt(draws).
    """

    model: str
    n_train: int
    r2: float
    error: float


def epik_curve() -> list[PublishedPoint]:
    """Return the curves of EpiK's four models on data=bbq_li, from `FEWEST_STRAINS` on."""
    return [
        PublishedPoint(
            model=row["model"].lower(),
            n_train=int(row["n_train"]),
            r2=float(row["r2_mean"]),
            error=float(row["r2_sd"]) / sqrt(int(row["draws"])),
        )
        for row in _rows("epik_bbq_li") if int(row["n_train"]) >= FEWEST_STRAINS
    ]  # fmt: skip


def replicates() -> pa.Table:
    """Arcadia Science's replicates as a study's results table, one row for each run x phenotype.

    Columns `model` (as published), `seed` (the number of the replicate), `phenotype`, `split`
    (test), `r2`, `signature` (of the run that gives all phenotypes) and `status`.
    """
    return pa.Table.from_pylist([
        {
            "model": row["model"], "seed": int(row["replicate"]), "phenotype": row["phenotype"],
            "split": "test", "r2": float(row["test_r2"]),
            "signature": f"{row['model']}-{row['replicate']}", "status": "done",
        }
        for row in _rows("arcadia_replicates")
    ])  # fmt: skip


def _rows(name: str) -> list[dict[str, str]]:
    lines = (FOLDER / f"{name}.csv").read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))
