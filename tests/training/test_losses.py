"""Huber's and the Gaussian loss: against torch's own, and in runs."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import GaussianNLLLoss, HuberLoss

import g2p
from g2p.training.loss import GaussianLoss, load_loss
from tests.helpers.command import train
from tests.helpers.configs import SMALL, but

FIT = (*but(SMALL, "data.strains=160"), "phenotype=[23C,cu]")


def values(seed=0):
    generator = torch.Generator().manual_seed(seed)
    predicted, observed = torch.randn(2, 40, 3, generator=generator)
    observed[torch.rand(40, 3, generator=generator) < 0.2] = torch.nan
    return predicted, 2 * observed, observed.isfinite()


def run_of(done):
    assert done.returncode == 0, done.stderr
    return g2p.load_run(done.stdout.splitlines()[-1].removeprefix("run: "))


@pytest.mark.parametrize("delta", [0.3, 1.0, 5.0])
def test_huber_is_that_of_torch_over_observed_values(delta):
    predicted, observed, seen = values()
    loss = load_loss("huber", n_phenotypes=3, huber_delta=delta)
    expected = HuberLoss(delta=delta)(predicted[seen], observed[seen])
    torch.testing.assert_close(loss(predicted, observed, seen.sum()), expected)
    weight = torch.rand(40, 3)
    by_value = HuberLoss(delta=delta, reduction="none")(predicted[seen], observed[seen])
    weighted = loss(predicted, observed, seen.sum(), weight)
    torch.testing.assert_close(weighted, (by_value * weight[seen]).mean())


def test_gaussian_is_that_of_torch_over_observed_values():
    predicted, observed, seen = values()
    loss = load_loss("gaussian", n_phenotypes=3)
    loss.log_variance_P.data = torch.tensor([0.5, -1.0, 2.0])
    variance = loss.log_variance_P.detach().exp().expand(40, 3)
    expected = GaussianNLLLoss()(predicted[seen], observed[seen], variance[seen])
    torch.testing.assert_close(loss(predicted, observed, seen.sum()), expected)


def test_the_learned_variance_is_that_of_the_residuals():
    """Minimised for fixed predictions: the mean squared residual of each phenotype."""
    predicted, observed, seen = values()
    loss = GaussianLoss(3)
    optimizer = torch.optim.LBFGS(loss.parameters(), max_iter=100)

    def closure():
        optimizer.zero_grad()
        value = loss(predicted, observed, seen.sum())
        value.backward()
        return value

    optimizer.step(closure)
    squares = torch.where(seen, predicted - observed, 0).square().sum(0) / seen.sum(0)
    torch.testing.assert_close(loss.log_variance_P.exp(), squares, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_run_learns_the_variance_and_resumes(tmp_path):
    """The variance is in metrics.json, in original units; a resumed run has the same numbers."""
    arguments = (*but(FIT, "trainer.max_epochs=4"), "loss=gaussian", "optim.lr=0.02")
    run = run_of(train(*arguments, cwd=tmp_path))
    before = run.metrics["noise_variance"]
    (run.folder / "metrics.json").unlink()  # as where it was killed while it was evaluated
    again = run_of(train(*arguments, cwd=tmp_path))
    assert again.metrics["noise_variance"] == before
    predicted = run.predictions.pivot(index="strain", columns="phenotype", values="predicted")
    panel = g2p.load_panel("data.strains=160", "data.loci=32", f"paths.cache={tmp_path}/.cache")
    predictions = run.predict(panel).loc[predicted.index, predicted.columns]
    np.testing.assert_allclose(predictions, predicted, atol=1e-5)
    for name, variance in before.items():
        rows = run.predictions[run.predictions["phenotype"] == name]
        residual = (rows["predicted"] - rows["observed"]).var()
        assert 0.4 < variance / residual < 2.5


@pytest.mark.slow
def test_losses_are_different_runs_and_squared_error_is_the_default(tmp_path):
    folders = {}
    for loss in (None, "mse", "huber", "gaussian"):
        overrides = [] if loss is None else [f"loss={loss}"]
        folders[loss] = run_of(train(*FIT, *overrides, cwd=tmp_path)).folder
    assert folders[None] == folders["mse"] and len(set(folders.values())) == 3


@pytest.mark.slow
def test_outliers_count_for_less_with_huber(tmp_path):
    """Training strains with absurd phenotypes, against the effect of a locus."""
    rng = np.random.default_rng(0)
    genotypes = pd.DataFrame(rng.choice([0, 1], (400, 10)), columns=[f"m{i}" for i in range(10)])
    genotypes.index = pd.Index([f"s{i}" for i in range(400)], name="strain")
    y = genotypes.to_numpy()[:, :5].sum(axis=1) + 0.3 * rng.standard_normal(400)
    fold = ["train"] * 280 + ["val"] * 60 + ["test"] * 60
    y[:280:20] += 60 * (1 - 2 * genotypes["m0"].to_numpy()[:280:20])
    genotypes.to_csv(tmp_path / "g.csv")
    pd.DataFrame({"y": y, "fold": fold}, index=genotypes.index).to_csv(tmp_path / "p.csv")
    arguments = (
        "data=table", "data.path=g.csv", "data.phenotypes=p.csv", "data.coding=0/1",
        "data.facts=[fold]", "split=column", "split.column=fold", "split.test=test",
        "split.val=val", *but(SMALL[2:], "trainer.max_epochs=25"), "optim.lr=0.01",
    )  # fmt: skip
    squared = run_of(train(*arguments, cwd=tmp_path))
    huber = run_of(train(*arguments, "loss=huber", "trainer.huber_delta=0.1", cwd=tmp_path))
    assert huber.metrics["test"]["r2"]["y"] > squared.metrics["test"]["r2"]["y"] + 0.1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss=gaussian", "model=rijal_multienv"], "this model sees one environment at a time"),
        (["trainer.loss=hubr"], "trainer.loss must be huber, gaussian, or name code of your own"),
        (["loss=huber", "trainer.huber_delta=-1"], "trainer.huber_delta must be above 0"),
        (["loss=gaussian", "trainer.huber_delta=2"], "no effect: trainer.loss is not huber"),
    ],
)
def test_what_cannot_be(tmp_path, overrides, message):
    quick = ("data.strains=160", "data.loci=16", "logger=none", "trainer.max_epochs=1")
    done = train(*quick, *overrides, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and message in done.stderr
