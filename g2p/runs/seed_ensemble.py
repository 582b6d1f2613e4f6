"""A seed ensemble: the mean prediction of several seeds.

The mean prediction of runs that differ in their seed alone, scored on the test strains beside the
scores of each run: the gain of training several times and predicting together.
"""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from g2p.config.registry import GROUPS, neutral_options, prepare_options
from g2p.core.errors import CodeError, DamagedRunError, RunError
from g2p.core.nested import flatten
from g2p.core.phrases import listed
from g2p.runs.directory import RunDirectory
from g2p.training.metrics import scores

# Keys that may differ beside the seed: paths, the logger, and whether training was forced.
FREE_GROUPS = ("seed", "paths", "logger", "force")
# Keys of a run's environment that must be the same, and their names in messages.
PROVENANCE = {
    "data_fingerprint": "data", "numerics_version": "version of g2p's numerics",
    "code_digest": "code of the model",
}  # fmt: skip


def average(directories: list[RunDirectory]) -> dict[str, dict[str, float]]:
    """Return by phenotype `alone`, the mean test R2 of the runs, and `together`, of their mean.

    Raises:
        RunError: for fewer than two runs, an unfinished run, or runs that differ in more than
            their seed.
    """
    _check(directories)
    tables = [_predictions(directory) for directory in directories]
    tests = [table.filter(pc.equal(table["split"], "test")) for table in tables]
    observations = tests[0].select(["strain", "phenotype", "observed"])
    columns = observations.column_names
    if any(not test.select(columns).equals(observations) for test in tests[1:]):
        raise RunError("these runs predict different strains or phenotypes: their panels differ.")
    run_r2 = [directory.metrics()["test"]["r2"] for directory in directories]
    phenotypes = observations["phenotype"].unique().to_pylist()
    for directory, r2 in zip(directories, run_r2, strict=True):
        if {name for name, value in r2.items() if value is not None} != set(phenotypes):
            raise DamagedRunError(
                f"{directory.folder} is damaged: it was tested on different phenotypes."
            )

    def grid(column) -> np.ndarray:  # a row a strain, as predictions.parquet has them
        return column.to_numpy(zero_copy_only=False).astype(float).reshape(-1, len(phenotypes))

    predicted = np.mean([grid(test["predicted"]) for test in tests], axis=0)
    mean_r2 = scores(predicted, grid(observations["observed"])).named(phenotypes)["r2"]
    return {
        name: {"alone": fmean(r2[name] for r2 in run_r2), "together": mean_r2[name]}
        for name in phenotypes
    }


def _predictions(directory: RunDirectory) -> pa.Table:
    try:
        return directory.predictions()
    except FileNotFoundError as error:
        raise DamagedRunError(f"{error.filename} is gone.") from None


def _config(directory: RunDirectory) -> dict:
    """Return the keys of a run's config; options that did not exist then are neutral."""
    config = {
        key: {**_neutral_options(key, value), **value} if key in GROUPS else value
        for key, value in directory.config().items()
    }
    return flatten(config)


def _neutral_options(group: str, values: Mapping) -> dict:
    try:
        return neutral_options(group, values)
    except CodeError:  # of a user's own, which is not here
        return {}


def _check(directories: list[RunDirectory]) -> None:
    if len({directory.folder.resolve() for directory in directories}) < 2:
        raise RunError("averaging needs at least two runs.")
    unfinished = [str(directory.folder) for directory in directories if not directory.finished]
    if unfinished:
        raise RunError(f"these are not finished runs: {listed(unfinished)}.")
    has_fingerprint = all("data_fingerprint" in each.environment() for each in directories)
    first, *others = (
        {k: v for k, v in _config(r).items() if _is_compared(k, has_fingerprint)}
        for r in directories
    )
    differing = sorted({k for o in others for k in {*first, *o} if first.get(k) != o.get(k)})
    if differing:
        raise RunError(f"these runs differ in more than their seed: {listed(differing)}.")
    _check_provenance(directories)


def _is_compared(key: str, has_fingerprint: bool) -> bool:
    """Return whether runs must agree in a key.

    Where every run recorded the fingerprint of its data, that stands for the source's options.
    """
    group, _, option = key.partition(".")
    if group == "data" and has_fingerprint:
        return option in prepare_options()
    return group not in FREE_GROUPS


def _check_provenance(directories: list[RunDirectory]) -> None:
    """Refuse runs of the same config on different data, or under different code.

    Facts that no run recorded, as before version 0.2, cannot be compared.
    """
    recorded = {directory.folder: directory.environment() for directory in directories}
    for key, noun in PROVENANCE.items():
        by_value: dict[object, Path] = {}
        for folder, facts in recorded.items():
            by_value.setdefault(facts.get(key), folder)
        if len(by_value) > 1:
            raise RunError(
                f"these runs differ in more than their seed: the {noun}, as between "
                f"{' and '.join(map(str, list(by_value.values())[:2]))} "
                f"({key} in environment.json)."
            )
