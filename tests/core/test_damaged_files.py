"""Files of another shape than they were written in: JSON, but not whole."""

import copy
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from g2p.core.errors import DamagedRunError, G2PError
from g2p.runs.directory import RunDirectory
from g2p.runs.index import stored_runs
from g2p.runs.metrics_table import print_table
from g2p.runs.run import obtain_run
from g2p.runs.seed_ensemble import average
from g2p.study.analyze import compare_and_report
from g2p.study.collect import collect
from g2p.study.expand import StudyRun, resolve
from g2p.study.ledger import Ledger
from g2p.study.progress import NewEntries
from tests.helpers.configs import SMALL_RIDGE, paths
from tests.helpers.studies import plan_study

ODD = (
    None, True, "", "x", 0, -1, 1.5, 10**30, 10**400, float("nan"), float("-inf"), [], [1], {},
    {"x": 1}, {"30C": None}, {"cu": "0.5"}, [{}], [[]],
)  # fmt: skip
QUIET = Console(quiet=True)


def value_paths(value, above=()) -> list[tuple]:
    """The way to each value in a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    inner_paths = []
    for key, item in inner:
        inner_paths.append((*above, key))
        if isinstance(item, dict | list):
            inner_paths += value_paths(item, (*above, key))
    return inner_paths


def mutated(whole: dict, rng: random.Random) -> object:
    """The document with one to three values deleted, replaced, or put a level deeper."""
    document = copy.deepcopy(whole)
    for _ in range(rng.randint(1, 3)):
        *path, last = rng.choice(value_paths(document) or [(None,)])
        inner = document
        for key in path:
            inner = inner[key]
        if last is None:
            return rng.choice(ODD)
        match rng.randint(0, 3):
            case 0:
                del inner[last]
            case 1:
                inner[last] = {"x": inner[last]}
            case _:
                inner[last] = rng.choice(ODD)
    return document


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, list[StudyRun]]:
    """Two finished runs of a study that was never collected."""
    folder = tmp_path_factory.mktemp("damage")
    study = plan_study(factors={"model": ["ridge", "gbdt"]}, phenotypes=["cu"])
    runs = resolve(study, [*SMALL_RIDGE[:2], *paths(folder), "logger=none"])
    for run in runs:
        obtain_run(run.config, None, QUIET)
    return folder, runs


@pytest.mark.slow
def test_metrics_of_any_shape_cost_their_run_only(trained):
    """Whoever reads them gets a result or one message, and the other run has its rows."""
    folder, runs = trained
    ridge, gbdt = runs
    (ridge.directory.folder / "checksums.json").unlink()  # which notices any change first
    twin = RunDirectory(folder / "twin")  # of ridge, to be averaged with it
    shutil.copytree(ridge.directory.folder, twin.folder)
    file = ridge.directory.folder / "metrics.json"
    whole, rng, failed = file.read_text(), random.Random(0), 0
    rows = [row for row in collect(folder / "study", runs).to_pylist() if row["model"] == "gbdt"]
    cases = [json.dumps(mutated(json.loads(whole), rng)) for _ in range(200)]
    without_r2 = json.loads(whole)
    without_r2["test"]["r2"]["cu"] = None
    try:
        for text in [*cases, json.dumps(without_r2), "[" * 5000, '{"a":' * 5000, "\0", "NaN"]:
            file.write_text(text)
            table = collect(folder / "study", runs).to_pylist()
            assert [row for row in table if row["model"] == "gbdt"] == rows
            (status,) = {row["status"] for row in table if row["model"] == "ridge"}
            (state,) = {
                r.state for r in stored_runs(folder / "runs") if r.signature == ridge.signature
            }
            assert (status, state) in {("done", "done"), ("failed", "damaged")}, text
            try:
                metrics = ridge.directory.metrics()
                print_table(metrics, QUIET)
                average([ridge.directory, twin])
            except G2PError as error:
                assert "damaged" in str(error)
            failed += status == "failed"
    finally:
        file.write_text(whole)
    assert 100 < failed < 204  # keys that nobody named before may hold anything


def test_another_runs_metrics_are_no_result(trained):
    folder, (ridge, gbdt) = trained
    file = ridge.directory.folder / "metrics.json"
    whole = file.read_text()
    (ridge.directory.folder / "checksums.json").unlink(missing_ok=True)  # which notices any change
    try:
        shutil.copy(gbdt.directory.folder / "metrics.json", file)
        with pytest.raises(G2PError, match=f"belongs to run {gbdt.signature}"):
            ridge.directory.metrics()
    finally:
        file.write_text(whole)


@pytest.mark.slow
def test_notes_and_tables_of_a_study_are_made_again(trained):
    folder, runs = trained
    pairs = [["ridge", "gbdt"]]
    study = plan_study(factors={"model": ["ridge", "gbdt"]}, phenotypes=["cu"], compare=pairs)
    study = replace(study, file=folder / "study.yaml")  # which the report keeps
    study.file.write_text("question: Which?\n")
    directory = folder / "published"
    table = collect(directory, runs)
    compare_and_report(study, runs, table, directory, [], QUIET, [])
    effects = pq.read_table(directory / "effects.parquet")
    for content in ("[1]", None):  # beside tables of other columns, notes that are damaged, or not
        for name in ("published.json", "collected.json"):
            (directory / name).write_text(content or (directory / name).read_text())
        for name in ("results.parquet", "effects.parquet"):
            pq.write_table(pa.table({"x": [1]}), directory / name)
        assert collect(directory, runs).equals(table)
        compare_and_report(study, runs, table, directory, [], QUIET, [])
        assert pq.read_table(directory / "effects.parquet").equals(effects)


def test_a_flipped_bit_in_a_cached_reference_is_noticed(trained):
    folder, runs = trained
    reference = runs[0].directory.metrics()["ridge"]
    (stored,) = (folder / "cache" / "ridge").iterdir()
    r2 = reference["test"]["r2"]["cu"]
    stored.write_text(stored.read_text().replace(str(r2), str(r2 + 2**-6)))
    (runs[1].directory.folder / "metrics.json").unlink()
    assert obtain_run(runs[1].config, None, QUIET).metrics()["ridge"] == reference


def test_a_flipped_bit_in_predictions_is_noticed_without_checksums(trained, tmp_path):
    directory = RunDirectory(tmp_path / "run")
    shutil.copytree(trained[1][0].directory.folder, directory.folder)
    (directory.folder / "checksums.json").unlink(missing_ok=True)
    file = directory.folder / "predictions.parquet"
    whole, before = file.read_bytes(), directory.predictions()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    noticed = 0
    for bit in random.Random(0).sample(range(8 * 4, 8 * footer), 60):  # of the pages
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        try:
            assert directory.predictions().equals(before)
        except DamagedRunError:
            noticed += 1
    assert noticed > 40


@pytest.mark.parametrize("content", ["[1]", "{}", '{"val": 1, "test": {}}'])
def test_a_cached_reference_is_made_again(trained, content):
    folder, runs = trained
    reference = runs[0].directory.metrics()["ridge"]
    (stored,) = (folder / "cache" / "ridge").iterdir()
    stored.write_text(content)
    (runs[1].directory.folder / "environment.json").write_text(content)
    (runs[1].directory.folder / "metrics.json").unlink()
    assert obtain_run(runs[1].config, None, QUIET).metrics()["ridge"] == reference


def test_lines_of_a_ledger_that_are_none(tmp_path):
    ledger, news = Ledger(tmp_path), NewEntries(tmp_path)
    ledger.write("a" * 16, "ended")
    lines = [
        "[1]", "3", "\xff", '{"signature": [1], "event": "ended"}', '{"signature": "b"}',
        '{"signature": "b", "event": "odd"}', '{"signature": "b", "event": "en',
    ]  # fmt: skip
    with ledger.file.open("a") as file:
        file.write("\n".join([*lines, ""]))
    assert ledger.signatures() == {"a" * 16}
    assert [entry["signature"] for entry in news] == ["a" * 16]
