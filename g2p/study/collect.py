"""The results table of a study, from its run directories alone, at any time."""

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from g2p.core.atomic_files import DRAFT, read_json, write_atomically, write_json
from g2p.core.errors import UserError, listed
from g2p.runs.environment import versions
from g2p.study.expand import StudyRun
from g2p.study.ledger import Ledger, status

COLUMNS = {
    "phenotype": pa.string(), "split": pa.string(), "r2": pa.float64(), "pearson": pa.float64(),
    "n": pa.int64(), "n_train": pa.int64(), "seconds": pa.float64(), "num_parameters": pa.int64(),
    "peak_memory": pa.int64(), "flops": pa.float64(), "energy": pa.float64(),
    "noise_ceiling": pa.float64(), "ridge_r2": pa.float64(), "versions": pa.string(),
    "signature": pa.string(), "status": pa.string(), "error": pa.string(),
}  # fmt: skip


def collect(folder: Path, runs: list[StudyRun]) -> pa.Table:
    """`results.parquet` in the study's folder: a row for each run x phenotype x split.

    A run that serves several points of the study (a width of the feed-forward layer without one)
    has its rows at each of them. A column for each factor; `model` and `seed` always. What a run
    has not reached yet is null. Where nothing has changed since the last call, its table is the
    answer.
    """
    with locked_results(folder):
        return _collect(folder, runs)


@contextmanager
def locked_results(folder: Path) -> Iterator[None]:
    """Hold the study's results: two sweeps write them in turn, and what a kill cut short goes."""
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        for draft in folder.rglob(f".*{DRAFT}"):
            draft.unlink()
        yield


def _collect(folder: Path, runs: list[StudyRun]) -> pa.Table:
    entries = Ledger(folder).entries()
    states = {run.signature: _state(run, entries.get(run.signature)) for run in runs}
    file, note = folder / "results.parquet", folder / "collected.json"
    known = {"columns": list(COLUMNS), "runs": states}
    schema = _schema(runs)
    with suppress(OSError, pa.ArrowException):  # gone, or damaged: made again
        if read_json(note) == {**known, "digest": _digest(file)}:
            table = pq.read_table(file)
            if table.schema.equals(schema):
                return table
    rows = []
    for run in runs:
        try:
            rows += _rows(run, states[run.signature], schema)
        except FileNotFoundError:  # pruned, or begun anew, since it was looked at
            states[run.signature] = _state(run, entries.get(run.signature))
            rows += _rows(run, states[run.signature], schema)
        except UserError as error:  # its result is damaged: the others' are not
            failed = ["failed", None, str(error), _places(run)]
            rows += _rows(run, failed, schema)
    table = pa.Table.from_pylist(rows, schema)
    write_atomically(file, lambda out: pq.write_table(table, out))
    write_json(note, {**known, "digest": _digest(file)})
    return table


def _digest(file: Path) -> str:
    """Of a table's file: something else may have changed it since, and it would still be one."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _state(run: StudyRun, entry: dict | None) -> list:
    """What its rows depend on: status, when it was finished, its error, where it stands."""
    try:
        finished = (run.directory.folder / "metrics.json").stat().st_mtime_ns
    except FileNotFoundError:
        now = status(run.directory, entry)
        return [now, None, entry.get("error") if now == "failed" else None, _places(run)]
    return ["done", finished, None, _places(run)]


def _schema(runs: list[StudyRun]) -> pa.Schema:
    """Factors first: whole numbers, numbers, or else text."""
    places = [place for run in runs for place in _places(run)]
    fields = []
    for name in dict.fromkeys(name for place in places for name in place):
        values = [place.get(name) for place in places]
        kinds = {type(value) for value in values if value is not None}
        kind = pa.string()
        if kinds <= {int, float} and kinds:
            kind = pa.int64() if kinds == {int} else pa.float64()
        elif kinds == {bool}:
            kind = pa.bool_()
        fields.append(pa.field(name, kind))
    return pa.schema([*fields, *(pa.field(name, kind) for name, kind in COLUMNS.items())])


def _places(run: StudyRun) -> list[dict]:
    """Where a run stands, its model's name and its seed among it."""
    return [
        {
            "model": run.config["model"]["name"],
            **{key: value for key, value in place.items() if key != "phenotypes"},
            "seed": run.config["seed"],
        }
        for place in run.places
    ]


def _rows(run: StudyRun, state: list, schema: pa.Schema) -> list[dict]:
    now, _, error, places = state
    common = {"signature": run.signature, "status": now, "error": error}
    metrics = None
    if now == "done":
        metrics = run.directory.metrics()
        if missing := set(run.phenotypes) - metrics["test"]["r2"].keys():
            raise UserError(f"{run.directory.folder} has no scores of {listed(sorted(missing))}.")
        # Without it, or with a damaged one, the run is what it was.
        environment = run.directory.environment()
        common |= {key: metrics[key] for key in ("seconds", "num_parameters")}
        memory = (environment.get(key) for key in ("peak_device_memory", "peak_memory"))
        common["peak_memory"] = next(filter(None, memory), None)
        # Runs of before these were counted lack them.
        common |= {"flops": metrics.get("flops"), "energy": environment.get("energy")}
        common["versions"] = versions(environment)
    rows = []
    for place, part, name in itertools.product(places, ("val", "test"), run.phenotypes):
        own = {key: _typed(value, schema.field(key)) for key, value in place.items()}
        row = {**own, **common, "phenotype": name, "split": part}
        if metrics:
            scores, ridge = metrics[part], metrics["ridge"]
            row |= {key: scores[key][name] for key in ("r2", "pearson", "n")}
            # Runs of before this was counted lack it.
            row["n_train"] = metrics.get("n_train", {}).get(name)
            row["noise_ceiling"] = metrics["noise_ceiling"].get(name)
            row["ridge_r2"] = ridge[part]["r2"].get(name) if ridge else None
        rows.append(row)
    return rows


def _typed(value: object, field: pa.Field) -> object:
    """A factor whose values are of several kinds is text."""
    return str(value) if value is not None and field.type == pa.string() else value
