"""Averaging over seeds, against a loop over the written predictions."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from g2p.cli.average import main
from g2p.core.errors import G2PError
from g2p.runs.directory import RunDirectory
from g2p.runs.run import run
from g2p.runs.seed_ensemble import average
from tests.helpers.command import call
from tests.helpers.configs import SMALL_RIDGE, compose, paths

TWO = ("phenotype=[23C,30C]", "trainer.batch_size=16")


def test_the_mean_prediction_is_scored_beside_each_alone(small, tmp_path):
    folders = [run(small(*TWO, f"seed={seed}")) for seed in (0, 1, 2)]
    result = average([RunDirectory(folder) for folder in folders])
    tables = [pq.read_table(f / "predictions.parquet").to_pylist() for f in folders]
    single = [json.loads((f / "metrics.json").read_text())["test"]["r2"] for f in folders]
    for name in ("23C", "30C"):
        observed, predicted = [], []
        for rows in zip(*tables, strict=True):
            first = rows[0]
            wanted = first["split"] == "test" and first["phenotype"] == name
            if wanted and first["observed"] is not None:
                assert len({row["strain"] for row in rows}) == 1
                observed.append(first["observed"])
                predicted.append(sum(row["predicted"] for row in rows) / 3)
        observed, predicted = np.array(observed), np.array(predicted)
        r2 = 1 - ((observed - predicted) ** 2).sum() / ((observed - observed.mean()) ** 2).sum()
        assert result[name]["together"] == pytest.approx(r2, abs=1e-9)
        assert result[name]["alone"] == pytest.approx(np.mean([s[name] for s in single]))
    done = call("-m", "g2p", "average", *map(str, folders), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{result['30C']['together']:.3f}" in done.stdout and "mean" in done.stdout


def test_a_run_of_before_an_option_existed_is_averaged_with_a_later_one(small):
    one, other = (RunDirectory(run(small(*TWO, f"seed={seed}"))) for seed in (0, 1))
    lines = (one.folder / "config.yaml").read_text().splitlines(keepends=True)
    new = ("  weights: none\n", "  max_updates: null\n")
    assert set(new) <= set(lines)
    (one.folder / "config.yaml").write_text("".join(line for line in lines if line not in new))
    (one.folder / "checksums.json").unlink()
    assert average([one, other])


def test_what_cannot_be_averaged(small, tmp_path):
    one, other = (RunDirectory(run(small(*TWO, f"optim.lr={lr}"))) for lr in (1e-3, 2e-3))
    with pytest.raises(G2PError, match=r"more than their seed: optim\.lr"):
        average([one, other])
    with pytest.raises(G2PError, match="at least two"):
        average([one, one])
    with pytest.raises(G2PError, match="not finished runs"):
        average([one, RunDirectory(tmp_path)])


@pytest.mark.parametrize("key", ["data_fingerprint", "code_digest", "numerics_version"])
def test_runs_of_other_genotypes_or_code_are_not_averaged(tmp_path, key):
    """Two directories that agree in config and predictions, as after an edit between two seeds."""
    config = compose(*SMALL_RIDGE, *paths(tmp_path))
    first = run(config)
    second = first.with_name("copy")
    shutil.copytree(first, second)
    assert average([RunDirectory(first), RunDirectory(second)])
    facts = json.loads((second / "environment.json").read_text())
    facts[key] = 99 if key == "numerics_version" else "another"
    (second / "environment.json").write_text(json.dumps(facts))
    (second / "checksums.json").unlink()
    with pytest.raises(G2PError, match=f"more than their seed: the .*{key}"):
        average([RunDirectory(first), RunDirectory(second)])


def test_runs_of_the_same_data_in_two_places_are_averaged(tmp_path):
    rng = np.random.default_rng(0)
    calls, strains = rng.integers(0, 2, (60, 8)), [f"s{i}" for i in range(60)]
    loci = {f"m{i}": column for i, column in enumerate(calls.T)}
    directories = []
    for seed in (0, 1):
        folder = tmp_path / f"data{seed}" / "table"
        folder.mkdir(parents=True)
        growth = calls.sum(axis=1) + np.arange(60) / 60
        for name, columns in (("genotypes", loci), ("phenotypes", {"growth": growth})):
            table = pa.table({"strain": strains, **columns})
            pyarrow.csv.write_csv(table, folder / f"{name}.csv")
        config = compose(
            "data=table", "data.coding=0/1", f"paths.data={folder.parent}", "logger=none",
            "model=rijal_attention", "model.num_layers=1", "optim=adam", "trainer.max_epochs=1",
            f"seed={seed}", *paths(tmp_path),
        )  # fmt: skip
        directories.append(RunDirectory(run(config)))
    assert directories[0].config()["data"]["path"] != directories[1].config()["data"]["path"]
    assert set(average(directories)) == {"growth"}


def test_its_help_is_whole_sentences(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["average", "--help"])
    with pytest.raises(SystemExit):
        main()
    text = " ".join(capsys.readouterr().out.split())
    assert "the gain of training several times and averaging the predictions. " in text
