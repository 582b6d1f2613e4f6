"""The same model fitted again, to other seeds or splits: how far its effects depend on the fit."""

from collections.abc import Iterator

import numpy as np

from g2p.core.errors import G2PError
from g2p.explain.averages import Averages
from g2p.explain.mean_differences import MeanDifferences
from g2p.explain.subject import Subject
from g2p.runs.directory import RunDirectory
from g2p.runs.index import StoredRun, stored_runs
from g2p.runs.load import RestoredModel, restore

REFIT_KEYS = {"seed", "split.seed", "split.fold", "split.test"}
FREE = ("paths", "logger", "force")  # groups that change no result
COMPARED = ("data_fingerprint", "numerics_version", "code_digest")  # of what a run was
MOST = 20  # refits that are looked at


def se_over_refits(
    subject: Subject, averages: Averages, loci: np.ndarray, effects: MeanDifferences,
    accelerator: str,
) -> tuple[np.ndarray | None, list[str]]:  # fmt: skip
    """Return (K, P) standard deviations of effects over refits, and the refits' signatures.

    Refits are finished runs beside the run that differ from it in their seed or split alone and
    have the same loci; without any there are no standard deviations.
    """
    fits, names = [effects.mean], []
    for model, name in _refits(subject, accelerator):
        differences = averages.over(
            loci[:, None], "effect", name=name,
            predict=lambda x, model=model: (model.predict(x) * model.sd)[:, subject.columns],
        )  # fmt: skip
        fits.append(differences.mean)
        names.append(name)
    return (np.std(fits, axis=0, ddof=1) if names else None), names


def _refits(subject: Subject, accelerator: str) -> Iterator[tuple[RestoredModel, str]]:
    runs = {run.signature: run for run in stored_runs(subject.directory.folder.parent)}
    this = runs.get(subject.directory.folder.name)
    others = [run for run in runs.values() if this and _is_refit(run, this)]
    for run in others[:MOST]:
        try:
            model = restore(run.directory, accelerator, subject.code)
        except G2PError:  # damaged since it was listed
            continue
        if model.loci["id"] == subject.loci and model.phenotypes == subject.model.phenotypes:
            yield model, run.signature


def _is_refit(run: StoredRun, this: StoredRun) -> bool:
    if run is this or run.state != "done":
        return False
    keys = {key for key in {*run.config, *this.config} if key.partition(".")[0] not in FREE}
    if not {key for key in keys if run.config.get(key) != this.config.get(key)} <= REFIT_KEYS:
        return False
    return _provenance(run.directory) == _provenance(this.directory)


def _provenance(directory: RunDirectory) -> list:
    try:
        environment = directory.environment()
    except G2PError:
        return []
    return [environment.get(key) for key in COMPARED]
