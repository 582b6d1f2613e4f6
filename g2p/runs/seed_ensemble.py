"""A seed ensemble: the mean prediction of several seeds.

The mean prediction of runs that differ in their seed alone, scored on the test strains beside what
each run reaches by itself: what is gained by training several times and predicting together.
"""

from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from g2p.config.registry import prepare_options
from g2p.core.errors import UserError, listed
from g2p.runs.directory import RunDirectory
from g2p.training.metrics import scores

# What may differ besides the seed: where files lie, what is logged and how it was asked for.
FREE = ("seed", "paths", "logger", "force")
# What of a run's environment must be the same, and how a person calls it.
PROVENANCE = {
    "data_fingerprint": "data", "numerics_version": "version of g2p's numerics",
    "code_digest": "code of the model",
}  # fmt: skip


def average(directories: list[RunDirectory]) -> dict[str, dict[str, float]]:
    """By phenotype: `alone`, the mean test R2 of the runs, and `together`, that of their mean.

    Raises:
        UserError: for fewer than two runs, one that is not finished, or runs that differ in more
            than their seed.
    """
    _check(directories)
    tables = [_predictions(directory) for directory in directories]
    tests = [table.filter(pc.equal(table["split"], "test")) for table in tables]
    what = tests[0].select(["strain", "phenotype", "observed"])
    if any(not test.select(what.column_names).equals(what) for test in tests[1:]):
        raise UserError("these runs predict other strains or phenotypes: their panels differ.")
    alone = [directory.metrics()["test"]["r2"] for directory in directories]
    phenotypes = what["phenotype"].unique().to_pylist()
    for directory, r2 in zip(directories, alone, strict=True):
        if {name for name, value in r2.items() if value is not None} != set(phenotypes):
            raise UserError(f"{directory.folder} is damaged: it was tested on other phenotypes.")

    def grid(column) -> np.ndarray:  # a row a strain, as predictions.parquet has them
        return column.to_numpy(zero_copy_only=False).astype(float).reshape(-1, len(phenotypes))

    predicted = np.mean([grid(test["predicted"]) for test in tests], axis=0)
    together = scores(predicted, grid(what["observed"])).named(phenotypes)["r2"]
    return {
        name: {"alone": fmean(r2[name] for r2 in alone), "together": together[name]}
        for name in phenotypes
    }


def _predictions(directory: RunDirectory) -> pa.Table:
    try:
        return directory.predictions()
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise UserError(f"{directory.folder} is damaged: {error}") from None


def _config(directory: RunDirectory) -> dict:
    return _flat(directory.config())


def _check(directories: list[RunDirectory]) -> None:
    if len({directory.folder.resolve() for directory in directories}) < 2:
        raise UserError("averaging needs at least two runs.")
    unfinished = [str(directory.folder) for directory in directories if not directory.finished]
    if unfinished:
        raise UserError(f"these are no finished runs: {listed(unfinished)}.")
    free = _free(directories)
    first, *others = (
        {k: v for k, v in _config(r).items() if not free(k)} for r in directories
    )  # fmt: skip
    differing = sorted({k for o in others for k in {*first, *o} if first.get(k) != o.get(k)})
    if differing:
        raise UserError(f"these runs differ in more than their seed: {listed(differing)}.")
    _check_provenance(directories)


def _free(directories: list[RunDirectory]) -> Callable[[str], bool]:
    """Which keys of a config may differ.

    Where every run recorded the fingerprint of its data, that stands for how the data was found.
    """
    recorded = all("data_fingerprint" in directory.environment() for directory in directories)
    compared = {f"data.{key}" for key in prepare_options()}

    def free(key: str) -> bool:
        group = key.partition(".")[0]
        return group in FREE or (recorded and group == "data" and key not in compared)

    return free


def _check_provenance(directories: list[RunDirectory]) -> None:
    """Refuse runs of the same config on other data, or under other code.

    What no run recorded, as before version 0.2, cannot be compared.
    """
    recorded = {directory.folder: directory.environment() for directory in directories}
    for key, noun in PROVENANCE.items():
        by_value: dict[object, Path] = {}
        for folder, facts in recorded.items():
            by_value.setdefault(facts.get(key), folder)
        if len(by_value) > 1:
            raise UserError(
                f"these runs differ in more than their seed: the {noun}, as between "
                f"{' and '.join(map(str, list(by_value.values())[:2]))} "
                f"({key} in environment.json)."
            )


def _flat(config: dict) -> dict:
    flat = {}
    for key, value in config.items():
        inner = value if isinstance(value, dict) else {None: value}
        flat |= {f"{key}.{k}" if k else key: v for k, v in inner.items()}
    return flat
