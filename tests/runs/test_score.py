"""g2p score: against scikit-learn and numpy on the predictions of g2p predict."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import r2_score

from tests.helpers.command import call, train


def tables(folder, n, names=("y", "z"), seed=0):
    rng = np.random.default_rng(seed)
    genotypes = pd.DataFrame(rng.integers(0, 2, (n, 12)), columns=[f"m{i}" for i in range(12)])
    genotypes.index = pd.Index([f"s{seed}_{i}" for i in range(n)], name="strain")
    y = genotypes.to_numpy()[:, :4].sum(axis=1)
    values = {name: y + i + rng.standard_normal(n) for i, name in enumerate(names)}
    phenotypes = pd.DataFrame(values, index=genotypes.index)
    phenotypes.iloc[:3, 0] = np.nan
    folder.mkdir()
    genotypes.to_csv(folder / "g.csv")
    phenotypes.to_csv(folder / "p.csv")
    return phenotypes


def data(folder):
    return (
        "data=table", "data.coding=0/1", f"data.path={folder}/g.csv",
        f"data.phenotypes={folder}/p.csv",
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("score")
    tables(folder / "first", 100)
    done = train(*data(folder / "first"), "model=ridge", "logger=none", cwd=folder)
    return folder, done.stdout.splitlines()[-1].removeprefix("run: ")


def test_scores_are_those_of_the_predictions(trained, tmp_path):
    folder, run = trained
    observed = tables(tmp_path / "new", 60, ("z", "other", "y"), seed=1)
    arguments = (f"run={run}", *data(tmp_path / "new"))
    done = call("-m", "g2p", "score", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "scores of 2 phenotypes" in done.stdout
    assert "warning" not in done.stdout
    call("-m", "g2p", "predict", *arguments, "out=p.csv", cwd=tmp_path)
    predicted = pd.read_csv(tmp_path / "p.csv").pivot(
        index="strain", columns="phenotype", values="predicted"
    )
    table = pd.read_csv(tmp_path / "scores.csv").set_index("phenotype")
    assert list(table.index) == ["y", "z"]
    for name, row in table.iterrows():
        y = observed[name].dropna()
        f = predicted.loc[y.index, name]
        assert row["n"] == len(y)
        assert row["r2"] == pytest.approx(r2_score(y, f))
        assert row["pearson"] == pytest.approx(pearsonr(y, f)[0])
        assert row["bias"] == pytest.approx((f - y).mean())
    done = call("-m", "g2p", "score", f"run={run}", *data(folder / "first"), cwd=tmp_path)
    stored = len(set(pq.read_table(f"{run}/predictions.parquet")["strain"].to_pylist()))
    assert f"warning: {stored} of the run's {stored} validation and test strains" in done.stdout


@pytest.mark.parametrize(
    ("names", "more", "message"),
    [
        (("a", "b"), (), "none of the run's phenotypes (y, z); it has a, b"),
        (("y",), ("out=scores.txt",), "must end in .parquet or .csv"),
        (("y",), ("out=no/such/folder/scores.csv",), None),
        (("y",), ("data.missing=mask",), "data.missing has no effect"),
    ],
)
def test_what_cannot_be_scored(trained, tmp_path, names, more, message):
    _, run = trained
    tables(tmp_path / "new", 30, names, seed=2)
    done = call("-m", "g2p", "score", f"run={run}", *data(tmp_path / "new"), *more, cwd=tmp_path)
    assert "Traceback" not in done.stderr
    if message is None:
        assert done.returncode == 0 and (tmp_path / "no/such/folder/scores.csv").exists()
    else:
        assert done.returncode == 1 and message in done.stderr.replace("\n", " ")
