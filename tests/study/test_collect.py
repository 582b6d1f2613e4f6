"""A study's results table: rows of its runs, and runs that are removed or damaged below it."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from g2p.core.console import Console
from g2p.runs.run import obtain_run
from g2p.stats.compare import Comparison, compare
from g2p.study import collect as collecting
from g2p.study.collect import collect
from g2p.study.expand import resolve
from tests.helpers.command import call
from tests.helpers.configs import SMALL_RIDGE, paths
from tests.helpers.studies import plan_study
from tests.study.test_sweep import results, sweep


def small(tmp_path) -> list[str]:
    """Overrides for a small panel and separate folders."""
    return [*SMALL_RIDGE[:2], *paths(tmp_path), "logger=none"]


def test_a_run_that_serves_several_points_is_in_each_pair(tmp_path):
    """Without a feed-forward layer its width makes no difference; with one, two runs differ."""
    study = plan_study(
        set={"model": "transformer"}, phenotypes=["23C", "cu"], seeds=[0, 1],
        factors={"model.ffn": [False, True], "model.ffn_dim": [8, 16], "optim.lr": [1e-3, 1e-2]},
        compare=[[False, True]],
    )  # fmt: skip
    runs = resolve(study, small(tmp_path))
    assert (len(study.points), len(runs)) == (32, 24)
    table = collect(tmp_path / "study", runs)
    assert table.num_rows == 32 * 2
    rows = table.to_pylist()
    for row in rows:
        r2 = 0.1 + 0.01 * (row["model.ffn_dim"] == 16) if row["model.ffn"] else 0.0
        row |= {"status": "done", "r2": r2, "n": 34}
    (effect,) = compare(
        pa.Table.from_pylist(rows, table.schema),
        [Comparison("model.ffn", False, True, ("model.ffn_dim", "optim.lr"))],
    )
    assert (effect.pairs, effect.left_out) == (16, 0)
    assert effect.mean == pytest.approx(0.105)


def test_a_run_that_is_removed_while_it_is_collected(tmp_path, monkeypatch):
    """Pruned, or started again by another process: its present state counts."""
    study = plan_study(factors={"model": ["ridge", "gbdt"]}, phenotypes=["cu"])
    runs = resolve(study, small(tmp_path))
    for run in runs:
        obtain_run(run.config, None, Console(quiet=True))
    states = []

    def record_state(run):
        states.append(_state(run))
        if len(states) == len(runs):
            (runs[0].directory.folder / "metrics.json").unlink()
        return states[-1]

    _state = collecting._state
    monkeypatch.setattr(collecting, "_state", record_state)
    rows = collect(tmp_path / "study", runs).to_pylist()
    assert {row["model"]: row["status"] for row in rows} == {"ridge": "pending", "gbdt": "done"}


def test_a_table_that_something_else_changed_is_made_again(tmp_path):
    """Also where it is a table of the same columns: a value of it, or its rows."""
    study = plan_study(factors={"model": ["ridge", "lasso"]}, phenotypes=["cu"])
    runs = resolve(study, small(tmp_path))
    table = collect(tmp_path / "study", runs)
    file = tmp_path / "study" / "results.parquet"
    whole = file.read_bytes()
    for change in (
        lambda: pq.write_table(table.slice(1), file),
        lambda: file.write_bytes(whole.replace(b"pending", b"qending")),
        file.unlink,
    ):
        change()
        assert collect(tmp_path / "study", runs).equals(table)
        assert file.read_bytes() == whole


@pytest.mark.slow
def test_one_damaged_run_does_not_stop_the_others(tmp_path):
    overrides = ("study=baselines", "size=smoke")
    assert sweep(*overrides, cwd=tmp_path).returncode == 0
    before = results(tmp_path)
    (folder,) = tmp_path.glob("studies/*")
    by_model = {row["model"]: tmp_path / "runs" / row["signature"] for row in before}
    (by_model["ridge"] / "environment.json").write_text("{")
    (by_model["gbdt"] / "environment.json").unlink()
    metrics = by_model["lasso"] / "metrics.json"
    whole = metrics.read_text()
    metrics.write_text(whole[:50])
    for name in ("collected.json", "published.json", "effects.parquet"):
        (folder / name).write_text("{")
    again = sweep(*overrides, "--collect", cwd=tmp_path)
    assert again.returncode == 1 and "Traceback" not in again.stderr
    rows = results(tmp_path)
    errors = {row["model"]: row["error"] for row in rows}
    assert "metrics.json is damaged" in errors["lasso"] and "force=true" in errors["lasso"]
    assert "environment.json is damaged (its checksum differs)" in errors["ridge"]
    assert "environment.json is damaged (it is gone)" in errors["gbdt"]
    others = [row for row in before if errors[row["model"]] is None]
    assert others and others == [row for row in rows if row["error"] is None]
    removed = call(
        "sweep.py", "--runs", "--verify", "status=damaged", "--prune", "--yes", cwd=tmp_path
    )
    assert removed.returncode == 0, removed.stderr
    assert sweep(*overrides, cwd=tmp_path).returncode == 0
    assert results(tmp_path) == before


@pytest.mark.slow
def test_runs_without_checksums_are_named_once(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "question: Which?\nfactors: {model: [ridge, lasso]}\nphenotypes: [cu]\n"
        "sizes: {smoke: {}, full: {}}\n"
    )
    overrides = ["study=mine.yaml", "size=smoke", *small(tmp_path)[:-1]]
    whole = sweep(*overrides, cwd=tmp_path)
    assert whole.returncode == 0 and "unverified" not in whole.stdout
    for file in (tmp_path / "runs").glob("*/checksums.json"):
        file.unlink()
    done = sweep(*overrides, "--collect", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 runs: no checksum: unverified") == 1
