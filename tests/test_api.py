"""From Python: a run, its results and predictions, lists of runs, panels and studies."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml

import g2p
from g2p.data.panel import NO_CALL
from g2p.study.collect import COLUMNS
from tests.helpers.configs import paths

SMALL = ("data.strains=200", "data.loci=30", "logger=none")
NETWORK = (
    "model=transformer", "model.embedding_dim=8", "model.num_heads=2", "model.num_layers=1",
    "trainer.max_epochs=2", "trainer.accelerator=cpu", "data.max_correlation=0.9",
)  # fmt: skip
ERRORS = {
    "G2PError": Exception, "OptionError": g2p.G2PError, "DataError": g2p.G2PError,
    "CodeError": g2p.G2PError, "TrainingError": g2p.G2PError, "RunError": g2p.G2PError,
    "DamagedRunError": g2p.RunError,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def ridge(folder):
    return g2p.train("model=ridge", "phenotype=[23C,cu]", *SMALL, *paths(folder))


@pytest.fixture(scope="module")
def network(folder):
    return g2p.train(*NETWORK, "phenotype=[23C,cu]", *SMALL, *paths(folder))


@pytest.fixture(scope="module")
def panel(folder):
    return g2p.load_panel(*SMALL[:2], *paths(folder))


def test_errors_form_the_hierarchy_that_their_file_shows():
    assert all(getattr(g2p, name).__bases__ == (base,) for name, base in ERRORS.items())


def test_every_public_name_exists_and_no_other():
    assert all(getattr(g2p, name).__name__ == name for name in g2p.__all__)
    assert set(g2p.__all__) <= set(dir(g2p))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        g2p.trian  # noqa: B018


def test_a_run_is_its_files(ridge, network):
    for run in (ridge, network):
        assert run.folder.name == run.signature and len(run.signature) == 16
        assert (
            run.config["model"] == yaml.safe_load((run.folder / "config.yaml").read_text())["model"]
        )
        assert set(run.metrics["test"]["r2"]) == {"23C", "cu"}
        stored = pq.read_table(run.folder / "predictions.parquet").to_pandas()
        pd.testing.assert_frame_equal(run.predictions, stored)
    assert list(network.history["epoch"]) == [0, 1]
    assert ridge.history.empty and "epoch" in ridge.history  # a closed form has no epochs
    assert sum(p.numel() for p in network.model.parameters()) == network.metrics["num_parameters"]
    assert not network.model.training
    weights = torch.load(network.checkpoint, weights_only=True)["state_dict"]
    for name, value in network.model.state_dict().items():
        torch.testing.assert_close(weights[f"model.{name}"], value)


def test_the_same_overrides_return_the_same_run(ridge, folder):
    changed = (ridge.folder / "metrics.json").stat().st_mtime_ns
    again = g2p.train("model=ridge", "phenotype=[cu,23C]", *SMALL, *paths(folder))
    assert again.folder == ridge.folder
    assert (ridge.folder / "metrics.json").stat().st_mtime_ns == changed
    assert g2p.load_run(str(ridge.folder)).metrics == ridge.metrics


@pytest.mark.parametrize("kind", ["ridge", "network"])
def test_predict_takes_a_panel_a_frame_and_an_array(kind, panel, request):
    run = request.getfixturevalue(kind)
    from_panel = run.predict(panel)
    loci = panel.loci["id"].to_pylist()
    frame = pd.DataFrame(panel.genotypes, index=panel.strains, columns=loci)
    from_frame = run.predict(frame.iloc[:, ::-1])
    assert list(from_panel.index) == panel.strains and list(from_panel.columns) == ["23C", "cu"]
    pd.testing.assert_frame_equal(from_panel, from_frame)
    from_array = run.predict(panel.genotypes)
    assert np.array_equal(from_array.to_numpy(), from_panel.to_numpy())
    test = run.predictions.query("split == 'test'")
    table = test.pivot(index="strain", columns="phenotype", values="predicted")
    expected = from_panel.loc[table.index, table.columns]
    assert expected.to_numpy() == pytest.approx(table.to_numpy(), abs=1e-5)


def test_predict_takes_what_is_like_an_array(ridge, panel):
    expected = ridge.predict(panel.genotypes)
    pd.testing.assert_frame_equal(ridge.predict(panel.genotypes.tolist()), expected)


def test_missing_genotypes_are_the_training_mean_or_refused(ridge, panel):
    genotypes = panel.genotypes.copy()
    genotypes[3, 5] = NO_CALL
    with pytest.raises(g2p.DataError, match="1 genotypes are missing"):
        ridge.predict(genotypes)
    filled = ridge.predict(genotypes, missing_loci="impute").to_numpy()
    whole = ridge.predict(panel.genotypes).to_numpy()
    same = np.arange(len(whole)) != 3
    assert np.array_equal(filled[same], whole[same]) and not np.array_equal(filled[3], whole[3])
    as_float = panel.genotypes.astype(np.float32)
    as_float[3, 5] = np.nan
    assert np.array_equal(ridge.predict(as_float, missing_loci="impute").to_numpy(), filled)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g, ids: g[:, :7], r"of shape \(200, 7\); expected strains x 30 loci"),
        (lambda g, ids: g[0], r"of shape \(30,\)"),
        (lambda g, ids: g + 1, "a genotype is 2; they must lie from -1"),
        (lambda g, ids: (g + 1) // 2, "all genotypes are 0 or 1"),
        (lambda g, ids: [["x"] * 30], "must be numbers"),
        (lambda g, ids: g * math.inf, "a genotype is (-)?inf|must lie"),
        (lambda g, ids: pd.DataFrame(g[:, 1:], columns=ids[1:]), "1 of the model's 30 loci"),
        (
            lambda g, ids: pd.DataFrame(g),
            "no column of this DataFrame is one of the model's 30 loci",
        ),
        (lambda g, ids: pd.DataFrame(g, columns=[ids[1], *ids[1:]]), "more than once"),
    ],
)
def test_other_loci_another_coding_and_other_sizes_are_refused(ridge, panel, change, message):
    with np.errstate(invalid="ignore"):
        genotypes = change(panel.genotypes, panel.loci["id"].to_pylist())
    with pytest.raises(g2p.DataError, match=message):
        ridge.predict(genotypes)


def test_a_folder_that_is_no_run_is_refused(ridge, tmp_path):
    with pytest.raises(g2p.RunError, match="does not exist"):
        g2p.load_run(tmp_path / "none")
    with pytest.raises(g2p.RunError, match="not a finished run"):
        g2p.load_run(tmp_path)
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(g2p.DamagedRunError, match="damaged"):
        g2p.load_run(tmp_path)


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (("model=rigde",), g2p.OptionError, "Did you mean 'ridge'"),
        (("model=ridge,gbdt",), g2p.OptionError, "several values"),
        (("phenotype=YPX",), g2p.DataError, "has no phenotype 'YPX'"),
        ((["model=ridge"],), g2p.OptionError, "each as a text of its own"),
        (("nonsense",), g2p.OptionError, "nonsense"),
    ],
)
def test_wrong_overrides_raise_and_never_exit(overrides, error, message, tmp_path):
    with pytest.raises(error, match=message):
        g2p.train(*overrides, *SMALL[2:], *paths(tmp_path))


def test_list_runs_is_a_frame_of_those_that_match(ridge, network, folder):
    runs = g2p.list_runs(folder / "runs")
    assert set(runs["signature"]) == {ridge.signature, network.signature}
    one = g2p.list_runs(folder / "runs", model="transformer", status=["done", "running"])
    assert one["folder"].tolist() == [str(network.folder)]
    assert one["test_r2"].item() == network.metrics["test"]["r2_mean"]
    assert one["model.embedding_dim"].item() == 8
    none = g2p.list_runs(folder / "runs", **{"model.embedding_dim": 9})
    assert none.empty and "signature" in none
    with pytest.raises(g2p.OptionError, match="Did you mean"):
        g2p.list_runs(folder / "runs", modle="ridge")
    with pytest.raises(g2p.RunError, match="does not exist"):
        g2p.list_runs(folder / "nowhere")


@pytest.mark.slow
def test_a_study_from_python_and_its_labelled_grid(folder):
    study = g2p.sweep("study=baselines", "size=smoke", "logger=none", *paths(folder))
    assert study.folder == folder / "studies" / "baselines-smoke"
    done = study.results[study.results["status"] == "done"]
    assert len(done) == len(study.results) == 24
    grid = study.to_xarray()
    for row in done.itertuples():
        at = {"model": row.model, "seed": row.seed, "phenotype": row.phenotype, "split": row.split}
        assert grid["r2"].sel(at).item() == row.r2
    assert {"a", "b", "mean", "p"} <= set(study.effects)
    again = g2p.load_study(str(study.folder))
    pd.testing.assert_frame_equal(again.results, study.results)
    assert "4 done" in repr(again)
    file = study.folder / "results.parquet"  # as an earlier version wrote it
    pq.write_table(pq.read_table(file).drop_columns(["git_commit", "ended"]), file)
    earlier = g2p.load_study(study.folder)
    assert earlier.results["ended"].isna().all() and len(earlier.results) == 24
    assert earlier.to_xarray()["r2"].equals(grid["r2"])


def test_a_grid_has_the_factors_that_vary_and_labels_null(tmp_path):
    """A factor with null, one of a single value, and a model that the rung determines."""
    points = [
        (rung, model, width, seed)
        for rung, model in (("first", "ridge"), ("second", "rung"))
        for width in (None, 8) for seed in (0, 1)
    ]  # fmt: skip
    rows = [
        dict.fromkeys(COLUMNS)
        | {"rung": rung, "model": model, "width": width, "optim": "adam", "seed": seed}
        | {"phenotype": "a", "split": "test", "r2": r2, "status": "done"}
        for r2, (rung, model, width, seed) in enumerate(points)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "results.parquet")
    grid = g2p.load_study(tmp_path).to_xarray()
    assert dict(grid.sizes) == {"rung": 2, "width": 2, "seed": 2, "phenotype": 1, "split": 1}
    assert grid["optim"].item() == "adam"
    at = {"rung": "second", "width": "null", "seed": 1, "phenotype": "a", "split": "test"}
    assert grid["r2"].sel(at).item() == 5 and grid["model"].sel(at).item() == "rung"


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(g2p.RunError, match="no study with results"):
        g2p.load_study(tmp_path)
    (tmp_path / "results.parquet").write_bytes(b"PAR1")
    with pytest.raises(g2p.DamagedRunError, match="is damaged"):
        g2p.load_study(tmp_path)


def test_flags_and_unfinished_studies_raise(tmp_path):
    with pytest.raises(g2p.OptionError, match="is a flag"):
        g2p.sweep("study=baselines", "--collect")


def test_importing_g2p_is_quick_and_loads_little():
    code = (
        "import sys, time; start = time.perf_counter(); import g2p; "
        "seconds = time.perf_counter() - start; assert seconds < 0.2, seconds; "
        "g2p.G2PError; g2p.train; "
        "print([m for m in ('torch', 'matplotlib', 'pandas', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
