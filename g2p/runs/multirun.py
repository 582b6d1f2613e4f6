"""A multirun's results: what became of each job, read back when all have ended.

Jobs end in this process, in others or on other machines, so each leaves a note in the multirun's
own folder; the command that started them reads the notes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from g2p.config.compose import overridden_values
from g2p.config.override_text import format_value
from g2p.core.atomic_files import read_json, write_json
from g2p.core.errors import G2PError
from g2p.runs.directory import RunDirectory
from g2p.runs.listing import as_typed

LOST = "its process ended without a result"
NOTE = "job-{}.json"
# Columns of results.csv after the model and the swept keys.
RESULTS = (
    "phenotype", "n", "r2", "pearson", "val_r2", "val_pearson", "seed", "best_epoch", "status",
    "signature", "folder", "error",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Job:
    """A job of a multirun that has ended.

    Attributes:
        overrides: key or group -> value, of the job.
        directory: of its run; None where it failed.
        error: why it failed, or None.
    """

    overrides: dict
    directory: RunDirectory | None
    error: str | None = None


def forget(folder: Path) -> None:
    """Remove the notes of an earlier multirun in the same folder."""
    for file in folder.glob(NOTE.format("*")):
        file.unlink()


def write_note(folder: Path, number: int, overrides: Sequence[str], **outcome: str) -> None:
    """Note that a job has ended: with the folder of its `run`, or with an `error`."""
    write_json(folder / NOTE.format(number), {"overrides": list(overrides), **outcome})


def read_jobs(folder: Path, planned: Iterable[Sequence[str]] = ()) -> list[Job]:
    """Return the jobs of a multirun, in order: those with a note, and of those planned the rest.

    Args:
        folder: of the multirun's notes.
        planned: the overrides of each job that was to run; those of a search are not known.
    """
    by_overrides: dict[str, dict] = {}
    files = folder.glob(NOTE.format("*"))
    for file in sorted(files, key=lambda file: int(file.stem.rpartition("-")[2])):
        note = read_json(file)
        if isinstance(note, dict) and isinstance(note.get("overrides"), list):
            by_overrides[_job_key(note["overrides"])] = note
    for overrides in planned:
        by_overrides.setdefault(_job_key(overrides), {"overrides": list(overrides)})
    return [
        Job(
            _overridden(note["overrides"]),
            RunDirectory(Path(note["run"])) if "run" in note else None,
            None if "run" in note else note.get("error", LOST),
        )
        for note in by_overrides.values()
    ]


def _job_key(overrides: Sequence[str]) -> str:
    """What is equal for two writings of a job's overrides: Hydra writes 3e-4 as 0.0003."""
    return repr(sorted(_overridden(overrides).items()))


def _overridden(overrides: Sequence[str]) -> dict:
    """Return key or group -> value but for Hydra's own, which the notes of jobs do not have."""
    values = overridden_values(overrides).items()
    return {key: value for key, value in values if not key.startswith(("hydra.", "hydra/"))}


def swept_keys(jobs: Sequence[Job]) -> list[str]:
    """Return the keys and groups whose values differ between jobs, in the order they were given."""
    values: dict[str, list] = {}
    for job in jobs:
        for key, value in job.overrides.items():
            values.setdefault(key, []).append(value)
    return [key for key, each in values.items() if any(value != each[0] for value in each)]


def result_rows(jobs: Sequence[Job], keys: Sequence[str]) -> list[dict]:
    """Return a row for each job and phenotype; for a job that failed, one that says why.

    Columns: `model`, the swept keys and `RESULTS`; r2 and pearson are those of the test strains.
    """
    rows = []
    for job in jobs:
        swept = {
            key: as_typed(job.overrides[key]) for key in keys
            if key not in ("model", "phenotype") and key in job.overrides
        }  # fmt: skip
        try:
            if job.directory is None:
                raise G2PError(job.error)
            metrics = job.directory.metrics()
        except (G2PError, FileNotFoundError) as error:
            name = {"model": job.overrides.get("model")}
            phenotype = job.overrides.get("phenotype")
            text = None if phenotype is None else format_value(phenotype)
            rows.append(name | swept | {"phenotype": text, "status": "failed", "error": str(error)})
            continue
        for name, n in metrics["test"]["n"].items():
            scores = {
                f"{prefix}{key}": metrics[subset][key].get(name)
                for prefix, subset in (("", "test"), ("val_", "val"))
                for key in ("r2", "pearson")
            }
            rows.append({
                "model": metrics["model"], **swept, "phenotype": name, "n": n, **scores,
                "seed": metrics["seed"], "best_epoch": metrics["best_epoch"], "status": "done",
                "signature": metrics["signature"], "folder": str(job.directory.folder),
            })  # fmt: skip
    return rows
