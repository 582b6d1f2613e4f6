"""Benchmarks that compute more than times."""

import csv
import json
import shutil
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from benchmarks import gpu, gpu_checks, other_ridges, standard_errors, weights
from g2p.training.loss import masked_mse
from tests.helpers.command import ROOT
from tests.helpers.launchers import environment
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


@pytest.mark.slow
def test_what_a_gpu_must_show_is_tried_on_a_cpu(tmp_path):
    """Without Hydra, W&B or real strains: the row of these says so."""
    code = (
        "import sys; sys.modules.update(hydra=None, omegaconf=None, wandb=None)\n"
        "from benchmarks import gpu; gpu.main()"
    )
    arguments = ["--device", "cpu", "--tiny", "--seconds", "0.01", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, text=True, capture_output=True,
        env={**environment(), "G2P_DATA": str(tmp_path)}, check=False,
    )  # fmt: skip
    rows = json.loads((tmp_path / "gpu_cpu.json").read_text())["rows"]
    untried = {row["what"]: row["error"] for row in rows if row["error"]}
    assert untried == {"bbq_li: transformer": gpu.NO_DATA} and done.returncode == 0, done.stderr
    checked = [row for row in rows if row["what"].startswith("correct")]
    assert len(checked) == 17 and all(row["passed"] for row in checked)
    assert "MISSED" not in done.stdout and "rijal step" in done.stdout


@pytest.mark.parametrize(
    "check", [partial(gpu_checks.network_error, bf16=False), gpu_checks.stack_error]
)
def test_a_check_of_a_gpu_can_fail(check, monkeypatch):
    assert check("transformer", device="cpu") < 1e-4
    monkeypatch.setattr(gpu_checks, "masked_mse", _other_loss(masked_mse, iter([1.0])))
    assert check("transformer", device="cpu") > 1e-4


def _other_loss(loss, factors):
    """A loss that is 1% larger in its first call, which is the reference's."""
    return lambda *arguments: loss(*arguments) * (1 + 0.01 * next(factors, 0.0))


def test_a_row_that_a_benchmark_of_a_gpu_has_no_time_for():
    rows = list(gpu.measure(gpu.Bench("cpu", gpu.TINY, 0.01), most_seconds=-1))
    assert rows and all(row.error == gpu.NO_TIME and row.passed is None for row in rows)


@pytest.mark.skipif(not shutil.which("gemma"), reason="GEMMA is not installed (Debian: gemma)")
def test_ridge_is_gemmas(tmp_path):
    """Another program, from files: its eigendecomposition and its restricted likelihood."""
    rows = other_ridges.compare(tmp_path, 400, 150)
    ours, theirs = rows["400 x 150, closed form"], rows["400 x 150, gemma"]
    assert ours["r2"] > 0.1
    assert ours["r2"] == pytest.approx(theirs["r2"], abs=1e-5)
    assert ours["heritability"] == pytest.approx(theirs["heritability"], abs=1e-4)
    assert rows["400 x 150, lanczos"]["r2"] == pytest.approx(ours["r2"], abs=5e-3)
