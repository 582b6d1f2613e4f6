"""The results table of a study, from its run directories alone, at any time."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from g2p.core.atomic_files import DRAFT, read_json, write_atomically, write_json
from g2p.core.digests import file_digest
from g2p.core.errors import DamagedRunError, G2PError
from g2p.core.json_shapes import StoredStatus, read_checked_json
from g2p.core.phrases import listed, plural
from g2p.runs.directory import STATUS
from g2p.runs.environment import versions
from g2p.study.expand import StudyRun
from g2p.study.folds import fold_values
from g2p.study.ledger import study_status
from g2p.study.parts import Parts
from g2p.study.selection import mark_selected

COLUMNS = {
    "phenotype": pa.string(), "split": pa.string(), "r2": pa.float64(), "pearson": pa.float64(),
    "n": pa.int64(), "n_train": pa.int64(), "seconds": pa.float64(), "num_parameters": pa.int64(),
    "peak_memory": pa.int64(), "flops": pa.float64(), "energy": pa.float64(),
    "updates": pa.int64(), "escape_updates": pa.int64(), "plateau": pa.bool_(),
    "noise_ceiling": pa.float64(), "ridge_r2": pa.float64(), "observed_mean": pa.float64(),
    "observed_variance": pa.float64(), "squared_error": pa.float64(), "versions": pa.string(),
    "git_commit": pa.string(), "git_dirty": pa.bool_(), "device": pa.string(),
    "ended": pa.string(),
    "signature": pa.string(), "status": pa.string(), "error": pa.string(), "selected": pa.bool_(),
}  # fmt: skip


# Those that a stored table has of a run; the others are of its place in the study.
VALUES = [
    name for name in COLUMNS
    if name not in ("phenotype", "split", "signature", "status", "error", "selected")
]  # fmt: skip
# The time of completion of a run whose results are of a stored table.
STORED = "stored"
NO_PARTS = Parts(())


def collect(
    folder: Path, runs: list[StudyRun], select: Sequence[str] = (), parts: Parts = NO_PARTS
) -> pa.Table:
    """`results.parquet` in the study's folder: a row for each run x phenotype x split.

    A run that is several points of the study (a width of the feed-forward layer in a model without
    one) has its rows at each of them. There is a column for each factor, and always `model` and
    `seed`. Values that a run has not reached yet are null. Where nothing has changed since the
    last call, the table of that call is returned.

    Args:
        folder: of the study.
        runs: of the study.
        select: factors whose value is selected on validation (see `g2p.study.selection`).
        parts: has the results of runs that are finished elsewhere.
    """
    with locked_results(folder):
        return _collect(folder, runs, select, parts)


def replaced_note(folder: Path, runs: list[StudyRun]) -> str | None:
    """Return a sentence on finished runs in a study's results that are not among these."""
    before = read_json(folder / "collected.json")
    states = before.get("runs") if isinstance(before, dict) else None
    if not isinstance(states, dict):
        return None
    finished = {name for name, state in states.items() if state[0] == "done"}
    lost = finished - {run.signature for run in runs}
    if not lost:
        return None
    return (
        f"{folder} held results of {plural(len(lost), 'finished run')} that this command does not "
        "have: of other seeds, overrides or code. They are replaced there; the runs are kept, and "
        "a command that has them shows them again."
    )


@contextmanager
def locked_results(folder: Path) -> Iterator[None]:
    """Lock the study's results, so that two sweeps write them in turn; remove abandoned drafts."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        for draft in folder.rglob(f".*{DRAFT}"):
            draft.unlink()
        yield


def _collect(folder: Path, runs: list[StudyRun], select: Sequence[str], parts: Parts) -> pa.Table:
    states = {run.signature: _state(run) for run in runs}
    for name, state in states.items():
        if state[0] != "done" and parts.signature_of(name):
            states[name] = ["done", STORED, None, state[-1]]
    file, note = folder / "results.parquet", folder / "collected.json"
    summary = {
        "columns": list(COLUMNS), "runs": states, "select": list(select), "parts": parts.digest,
    }  # fmt: skip
    schema = _schema(runs)
    # A file that is missing or damaged is made again, and so is one that something else changed:
    # it may still be a table of these columns.
    with suppress(OSError, pa.ArrowException):
        if read_json(note) == {**summary, "digest": file_digest(file)}:
            table = pq.read_table(file)
            if table.schema.equals(schema):
                return table
    rows = []
    for run in runs:
        try:
            rows += _rows(run, states[run.signature], schema, parts)
        except FileNotFoundError:  # pruned or started again since its state was read
            states[run.signature] = _state(run)
            rows += _rows(run, states[run.signature], schema, parts)
        except G2PError as error:  # a damaged result does not affect the others
            failed = ["failed", None, str(error), _factors(run)]
            rows += _rows(run, failed, schema, parts)
    mark_selected(rows, [name for name in schema.names if name not in COLUMNS], select)
    table = pa.Table.from_pylist(rows, schema)
    write_atomically(file, lambda out: pq.write_table(table, out))
    write_json(note, {**summary, "digest": file_digest(file)}, indent=None)
    return table


def _state(run: StudyRun) -> list:
    """What a run's rows depend on: status, time of completion, error, factors."""
    try:
        finished = (run.directory.folder / "metrics.json").stat().st_mtime_ns
    except FileNotFoundError:
        status = study_status(run.directory)
        return [status.state, None, status.error, _factors(run)]
    return ["done", finished, None, _factors(run)]


def _schema(runs: list[StudyRun]) -> pa.Schema:
    """Factors first: whole numbers, numbers, or else text."""
    points = [factors for run in runs for factors in _factors(run)]
    fields = []
    for name in dict.fromkeys(name for factors in points for name in factors):
        values = [factors.get(name) for factors in points]
        kinds = {type(value) for value in values if value is not None}
        kind = pa.string()
        if kinds <= {int, float} and kinds:
            kind = pa.int64() if kinds == {int} else pa.float64()
        elif kinds == {bool}:
            kind = pa.bool_()
        fields.append(pa.field(name, kind))
    return pa.schema([*fields, *(pa.field(name, kind) for name, kind in COLUMNS.items())])


def _factors(run: StudyRun) -> list[dict]:
    """The factors of each point that is this run, with its model's name and its seed."""
    return [
        {
            "model": run.config.model.name,
            **{key: value for key, value in factors.items() if key != "phenotypes"},
            "seed": run.config.seed,
        }
        for factors in run.point_factors
    ]


def _rows(run: StudyRun, state: list, schema: pa.Schema, parts: Parts) -> list[dict]:
    points: list[dict]
    run_status, finished, error, points = state
    common: dict[str, Any] = {"signature": run.signature, "status": run_status, "error": error}
    cells: dict[tuple[str, str], dict] = {}
    if run_status == "done":
        cells = parts.cells(run.signature, VALUES) if finished == STORED else _cells(run)
        if missing := set(run.phenotypes) - {name for name, _ in cells}:
            raise DamagedRunError(
                f"{run.directory.folder} has no scores of {listed(sorted(missing))}."
            )
    rows = []
    for factors, part, name in itertools.product(points, ("val", "test"), run.phenotypes):
        typed = {key: _typed(value, schema.field(key)) for key, value in factors.items()}
        values = cells.get((name, part), {})
        rows.append({**typed, **values, **common, "phenotype": name, "split": part})
    return rows


def _cells(run: StudyRun) -> dict[tuple[str, str], dict]:
    """The values of a finished run, by phenotype and part of the split."""
    metrics = run.directory.metrics()
    # Missing or damaged, it does not change the result.
    environment = run.directory.environment()
    status = read_checked_json(run.directory.folder / STATUS, StoredStatus)
    memory = (environment.get(key) for key in ("peak_device_memory", "peak_memory"))
    escape = metrics.get("escape")
    network = (metrics.get("members") or [metrics])[0]  # of an ensemble, what escape is of
    common = {
        "seconds": metrics["seconds"],
        "num_parameters": metrics["num_parameters"],
        "peak_memory": next(filter(None, memory), None),
        # Runs from before these were counted lack them.
        "flops": metrics.get("flops"),
        "energy": environment.get("energy"),
        "updates": network.get("updates"),
        "escape_updates": escape and escape["updates"],
        "plateau": metrics.get("plateau"),
        "versions": versions(environment),
        **{key: environment.get(key) for key in ("git_commit", "git_dirty", "device")},
        "ended": status and status["at"],
    }
    values = {part: fold_values(run) if part == "test" else {} for part in ("val", "test")}
    cells = {}
    for part, name in itertools.product(("val", "test"), metrics["test"]["r2"]):
        scores, ridge = metrics[part], metrics["ridge"]
        cells[name, part] = common | {
            **{key: scores[key][name] for key in ("r2", "pearson", "n")},
            # Runs from before this was counted lack it.
            "n_train": metrics.get("n_train", {}).get(name),
            "noise_ceiling": metrics["noise_ceiling"].get(name),
            "ridge_r2": ridge[part]["r2"].get(name) if ridge else None,
            **values[part].get(name, {}),
        }
    return cells


def _typed(value: object, field: pa.Field) -> object:
    """A factor whose values are of several kinds is text."""
    return str(value) if value is not None and field.type == pa.string() else value
