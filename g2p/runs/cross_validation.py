"""The cross-validation that a multirun over folds is: `cv.csv`, its tests and its figure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.table import Column, Table

from g2p.core.atomic_files import write_atomically
from g2p.core.plot_style import BLUE, GREY, drawing_style, subplots
from g2p.runs import fold_tests
from g2p.runs.directory import RunDirectory
from g2p.runs.listing import write_csv
from g2p.runs.multirun import Job, swept_keys
from g2p.runs.scored_values import scored_values
from g2p.stats.cross_validation import CrossValidated, Fold, summarise

FOLDS = ("split.fold", "split.test")  # a sweep over one of these is a cross-validation
ROUND = "split.seed"  # another shuffle of the strains
SCORES = ("folds", "r_mean", "r_se", "r2_mean", "r2_se", "r2_pooled")

# Configuration (model and the other swept keys) -> phenotype -> folds.
Folds = dict[tuple, dict[str, list[Fold]]]


def is_cross_validation(keys: Sequence[str]) -> bool:
    """Whether a sweep over these keys is a cross-validation."""
    return any(key in FOLDS for key in keys)


def configuration_keys(keys: Sequence[str]) -> list[str]:
    """Return the swept keys, beside the model's, that tell configurations apart."""
    return [key for key in keys if key not in (*FOLDS, ROUND, "model", "phenotype")]


def collect_folds(jobs: Sequence[Job], rows: Sequence[Mapping]) -> Folds:
    """Return the folds of each configuration and phenotype, of the runs that are done.

    Args:
        jobs: of the multirun.
        rows: their results (`g2p.runs.multirun.result_rows`).
    """
    keys = swept_keys(jobs)
    of_fold = next(key for key in keys if key in FOLDS)
    folds: Folds = {}
    predictions: dict[str, dict] = {}
    for row in rows:
        if row["status"] != "done":
            continue
        directory = RunDirectory(Path(row["folder"]))
        if row["signature"] not in predictions:
            predictions[row["signature"]] = scored_values(directory)
        configuration = (row["model"], *(row.get(key) for key in configuration_keys(keys)))
        values = predictions[row["signature"]][row["phenotype"]]
        folds.setdefault(configuration, {}).setdefault(row["phenotype"], []).append(
            Fold(
                round=row.get(ROUND),
                # Another panel, or another number of folds, has other strains in a fold.
                fold=(row[of_fold], values.n, values.mean, values.variance),
                r=_number(row["pearson"]),
                r2=_number(row["r2"]),
                values=values,
                n_train=directory.metrics()["n_train"][row["phenotype"]],
            )
        )
    return folds


def write_cross_validation(
    folder: Path, jobs: Sequence[Job], rows: Sequence[Mapping]
) -> list[Table]:
    """Write cv.csv, cv_tests.csv and the figure cv into `folder`; return the tables to print."""
    keys = swept_keys(jobs)
    names = ["model", *configuration_keys(keys)]
    folds = collect_folds(jobs, rows)
    scores = {
        (configuration, phenotype): summarise(each)
        for configuration, phenotypes in folds.items() for phenotype, each in phenotypes.items()
    }  # fmt: skip
    write_scores(folder, scores, names)
    tests = fold_tests.pairwise_tests(
        {configuration_title(configuration, names): each for configuration, each in folds.items()}
    )
    write_csv(folder / "cv_tests.csv", tests, fold_tests.COLUMNS)
    if scores:
        _draw(folder, folds, scores, names)
    table = scores_table(scores, names)
    are_printed = 0 < len(tests) <= fold_tests.MOST_PRINTED
    return [table, fold_tests.tests_table(tests)] if are_printed else [table]


def write_scores(
    folder: Path, scores: Mapping[tuple[tuple, str], CrossValidated], names: Sequence[str]
) -> None:
    """Write cv.csv: a row for each configuration and phenotype."""
    rows = [
        dict(zip(names, configuration, strict=True)) | {"phenotype": phenotype} | asdict(score)
        for (configuration, phenotype), score in scores.items()
    ]
    write_csv(folder / "cv.csv", rows, [*names, "phenotype", *SCORES])


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def configuration_title(configuration: tuple, names: Sequence[str]) -> str:
    """Name a configuration: `gbdt`, or `rung, model.skip=true`."""
    model, *values = configuration
    pairs = zip(names[1:], values, strict=True)
    return ", ".join([model, *(f"{key}={value}" for key, value in pairs if value is not None)])


def scores_table(scores: Mapping[tuple[tuple, str], CrossValidated], names: Sequence[str]) -> Table:
    """Return the table of scores; several phenotypes also have their mean."""
    numbers = ("folds", "Pearson r", "R2", "pooled")
    short = [name.rpartition(".")[2] for name in names]  # names need the room
    names = short if len({*short}) == len(names) else names
    table = Table(
        *(Column(name, overflow="fold") for name in ("model", "phenotype")),
        *(Column(name, justify="right", no_wrap=True) for name in numbers),
        title="cross-validation: mean +- standard error over folds, and pooled R2",
        caption="The folds' training sets overlap, so these errors are too small to compare models "
        "by; for that, cv_tests.csv has the corrected resampled t-test (Nadeau and Bengio 2003).",
    )
    by_configuration: dict[tuple, list[tuple[str, CrossValidated]]] = {}
    for (configuration, phenotype), score in scores.items():
        by_configuration.setdefault(configuration, []).append((phenotype, score))
    most: dict[str, int] = {}  # folds of a phenotype; another panel may have others
    for (_, phenotype), score in scores.items():
        most[phenotype] = max(score.folds, most.get(phenotype, 0))
    for configuration, each in by_configuration.items():
        title = configuration_title(configuration, names)
        for i, (phenotype, score) in enumerate(each):
            lacks_some = score.folds < most[phenotype]
            folds = f"{score.folds}{f' of {most[phenotype]}' if lacks_some else ''}"
            table.add_row(
                title if i == 0 else "", phenotype, folds,
                _with_error(score.r_mean, score.r_se), _with_error(score.r2_mean, score.r2_se),
                f"{score.r2_pooled:z.3f}",
            )  # fmt: skip
        if len(each) > 1:
            means = [
                f"{np.mean([getattr(score, name) for _, score in each]):z.3f}"
                for name in ("r_mean", "r2_mean", "r2_pooled")
            ]
            table.add_row("", "mean", "", *means, end_section=True)
    return table


def _with_error(mean: float, error: float) -> str:
    return f"{mean:z.3f} +- {error:.3f}" if np.isfinite(error) else f"{mean:z.3f}"


def _draw(
    folder: Path, folds: Folds, scores: Mapping[tuple, CrossValidated], names: Sequence[str]
) -> None:
    """Draw R2 of each fold, and mean +- standard error: cv.png, cv.svg and cv.pdf.

    The points are rows of results.csv, the means rows of cv.csv.
    """
    arms = list(folds)
    phenotypes = list(dict.fromkeys(name for each in folds.values() for name in each))
    columns = min(4, len(phenotypes))
    rows = -(-len(phenotypes) // columns)
    with drawing_style():
        size = 2.2 * columns + 1.6, (0.22 * len(arms) + 1.1) * rows + 0.3
        figure, grid = subplots(
            rows, columns, figsize=size, squeeze=False, sharey=True, used=len(phenotypes)
        )
        for axes, phenotype in zip(grid.flat, phenotypes, strict=False):
            for y, arm in enumerate(arms):
                each = folds[arm].get(phenotype, [])
                axes.plot([fold.r2 for fold in each], [y] * len(each), ".", color=GREY, alpha=0.5)
                if score := scores.get((arm, phenotype)):
                    axes.errorbar(score.r2_mean, y, xerr=score.r2_se, fmt="D", color=BLUE,
                                  markersize=4, capsize=2)  # fmt: skip
            axes.set_title(phenotype, fontsize=9)
            axes.set_xlabel("test R2")
            axes.set_yticks(range(len(arms)), [configuration_title(arm, names) for arm in arms])
            axes.set_ylim(len(arms) - 0.5, -0.5)
        figure.tight_layout()
        for kind in ("png", "svg", "pdf"):
            write_atomically(
                folder / f"cv.{kind}", lambda file, kind=kind: figure.savefig(file, format=kind)
            )
