"""Benchmarks that compute more than times."""

import csv
import sys

import numpy as np

from benchmarks import standard_errors, weights
from tests.helpers.sources import write_sources


def test_calibrated_errors_equal_squared_residuals_in_each_decile():
    rng = np.random.default_rng(0)
    error = rng.uniform(0.1, 2, 20_000)
    truth = rng.standard_normal(20_000)
    y = truth + error * rng.standard_normal(20_000)
    rows = standard_errors.by_decile("standard_error", error, y, truth, error)
    assert sum(row["strains"] for row in rows) == 20_000
    for row in rows:
        distance = row["squared_residual"] - row["squared_error"]
        assert abs(distance) < 4 * row["squared_residual_se"]
        chosen = (error >= row["from"]) & (error <= row["to"])
        np.testing.assert_allclose(row["squared_error"], np.mean(error[chosen] ** 2), rtol=1e-2)


def test_standard_errors_of_a_small_panel(tmp_path, monkeypatch, capsys):
    write_sources(tmp_path)
    places = [f"paths.{name}={tmp_path / folder}" for name, folder in (
        ("data", "."), ("cache", "cache"), ("runs", "runs"))]  # fmt: skip
    command = ["model=ridge", "data.sha256=null", *places, "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["standard_errors", *command])
    standard_errors.main()
    assert "R2" in capsys.readouterr().out
    with (tmp_path / "standard_errors.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["by"] for row in rows] == ["standard_error"] * 10 + ["predicted"] * 10
    by_prediction = rows[10:]
    assert all(float(r["from"]) <= float(r["predicted"]) <= float(r["to"]) for r in by_prediction)


def test_weights_are_compared_on_the_same_splits(tmp_path, monkeypatch, capsys):
    write_sources(tmp_path)
    places = [f"paths.{name}={tmp_path / folder}" for name, folder in (
        ("data", "."), ("cache", "cache"), ("runs", "runs"))]  # fmt: skip
    command = ["data.sha256=null", *places, "--splits", "2", "--out", str(tmp_path)]
    for _ in range(2):  # rows of the same model are replaced
        monkeypatch.setattr(sys, "argv", ["weights", *command])
        weights.main()
    with (tmp_path / "weights.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["model"], row["split_seed"]) for row in rows] == [("ridge", "0"), ("ridge", "1")]
    none, weighted = (np.array([float(row[key]) for row in rows]) for key in weights.WEIGHTS)
    assert f"gain {(weighted - none).mean():+.4f}" in capsys.readouterr().out
