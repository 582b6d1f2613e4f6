"""Estimates of a closed form's fit, against fits that take a known time."""

import time
import warnings

import numpy as np
import pytest

from g2p.baselines.per_phenotype import PerPhenotype
from g2p.baselines.ridge import Ridge
from g2p.study import fit_time, run_time
from g2p.study.expand import resolve
from g2p.study.fit_time import fit_seconds
from g2p.study.locus_counts import LocusCounts
from g2p.study.run_time import RUN_SECONDS, run_seconds
from g2p.study.sizes import Sizes, run_sizes
from tests.helpers.configs import SMALL, compose, paths
from tests.helpers.studies import plan_study

RIDGE = {"name": "ridge"}


class Slow(PerPhenotype):
    """Takes a nanosecond for each strain and each square of a locus."""

    hiccup = False

    def __init__(self, fitted: list):
        self.fitted = fitted

    def fit_one(self, X: np.ndarray, y: np.ndarray) -> dict:
        self.fitted.append(X.shape)
        assert set(np.unique(X)) == {-1.0, 1.0} and y.std() > 0
        warnings.warn("so few loci", stacklevel=1)
        if self.hiccup and len(self.fitted) % 2:  # something else takes the processor
            time.sleep(0.2)
        time.sleep(self.operations(*X.shape) * 1e-9)
        return {}

    def operations(self, n: int, n_loci: int) -> float:
        return n * n_loci**2

    def predictor(self, state: dict):
        return lambda genotypes: np.zeros(len(genotypes))

    def load(self, state: dict) -> "Slow":
        return self


@pytest.fixture
def fitted(monkeypatch):
    """The shapes that were fitted, of a model that is slow in a known way."""
    shapes = []
    monkeypatch.setattr(fit_time, "build_baseline", lambda options: Slow(shapes))
    monkeypatch.setattr(fit_time, "_cached", {})
    monkeypatch.setattr(fit_time, "LEAST_SECONDS", 0.03)
    return shapes


@pytest.mark.filterwarnings("error")  # warnings of a fit here are not about the study
@pytest.mark.parametrize("hiccup", [False, True])
def test_a_small_fit_is_scaled_to_the_whole(fitted, monkeypatch, hiccup):
    monkeypatch.setattr(Slow, "hiccup", hiccup)
    sizes = Sizes(n_loci=3000, n_phenotypes=7, n_train=4000)
    seconds = fit_seconds(RIDGE, sizes)
    assert seconds == pytest.approx(7 * 4000 * 3000**2 * 1e-9, rel=0.3)
    assert max(n for n, _ in fitted) < 1000
    fit_seconds(RIDGE, sizes)
    fit_seconds(RIDGE, sizes._replace(n_train=4001))  # another fold
    assert len(fitted) == 2 * len(set(fitted))  # each size twice, and nothing again


def test_a_panel_that_is_small_is_fitted_as_it_is(fitted, monkeypatch):
    monkeypatch.setattr(fit_time, "FEW_STRAINS", 0)
    assert fit_seconds(RIDGE, Sizes(20, 2, 90)) < 0.1
    assert set(fitted) == {(90, 20)}


def test_what_takes_a_second_is_not_timed(fitted):
    assert fit_seconds(RIDGE, Sizes(400, 1, 1_900)) == fit_time.SHORT_SECONDS
    assert not fitted
    fit_seconds(RIDGE, Sizes(400, 2, 1_900))
    assert fitted


@pytest.mark.parametrize("model", ["ridge", "lasso", "gbdt", "rkhs"])
def test_estimates_grow_with_the_panel(model, monkeypatch):
    monkeypatch.setattr(fit_time, "LEAST_SECONDS", 0.05)
    monkeypatch.setattr(fit_time, "FIRST_STRAINS", 100)
    config = compose(f"model={model}")
    small, large = (fit_seconds(config.model, Sizes(60, 1, n)) for n in (2_500, 25_000))
    assert large > small > 0


def test_a_ridge_of_the_largest_panels_takes_minutes():
    """By Lanczos' method; to decompose so many loci would take hours (benchmarks.large_ridge)."""
    whole = Sizes(n_loci=41_594, n_phenotypes=18, n_train=85_000)
    decomposed = Ridge.operations(5_000, 5_000, 1)
    assert 10 < Ridge.operations(85_000, 41_594, 18) / decomposed < 50
    assert fit_seconds(RIDGE, whole) > fit_seconds(RIDGE, whole._replace(n_phenotypes=1))


def test_phenotypes_of_different_strains_are_decomposed_each():
    """As `Ridge.fit` does, up to the time of Lanczos' method."""
    one = Sizes(n_loci=1_500, n_phenotypes=3, n_train=3_000)
    assert fit_seconds(RIDGE, one._replace(n_patterns=3)) > 2 * fit_seconds(RIDGE, one)
    few, many = (Ridge.operations(9_000, 4_000, 18, n_patterns=n) for n in (1, 18))
    assert few < many == Ridge.operations(9_000, 4_000, 18, n_patterns=19) < 18 * few


@pytest.mark.parametrize(
    ("overrides", "n_patterns"),
    [
        (["data.missing_rate=0"], 1),
        (["data.missing_rate=0.1"], 3),
        (["data.missing_rate=0.1", "data.missing=drop_strain"], 1),
        (["data.missing_rate=0", "split=cv2"], 3),
        (["data.missing_rate=0", "data.weights=inverse_variance"], 3),
    ],
)
def test_a_run_counts_the_patterns_of_its_missing_phenotypes(tmp_path, overrides, n_patterns):
    spec = {"factors": {"model": ["ridge"]}, "set": {"phenotype": ["23C", "25C", "cu"]}}
    (run,) = resolve(plan_study(**spec), [*SMALL[:2], *overrides, *paths(tmp_path)])
    assert run_sizes(run, LocusCounts()).n_patterns == n_patterns


@pytest.mark.parametrize(
    ("overrides", "fits"),
    [
        (["model=ridge"], ["ridge"]),
        (["model=lasso"], ["lasso"]),
        (["model=transformer"], []),
        (["model=transformer", "model.additive=true"], []),
        (["model=transformer", "model.additive=true", "model.additive_effects=lasso"], ["lasso"]),
    ],
)  # fmt: skip
def test_a_run_takes_the_time_of_every_fit_in_it(monkeypatch, overrides, fits):
    seconds = {"ridge": 10.0, "lasso": 100.0}
    monkeypatch.setattr(run_time, "fit_seconds", lambda options, sizes: seconds[options["name"]])
    monkeypatch.setattr(run_time, "training_seconds", lambda config, sizes: 1000.0)
    config = compose(*overrides)
    expected = RUN_SECONDS + sum(map(seconds.get, fits)) + 1000 * config.model.is_trained
    assert run_seconds(config, Sizes(3_000, 2, 5_000)) == expected
    short = RUN_SECONDS + (1000 if config.model.is_trained else seconds[config.model.name])
    assert run_seconds(config, Sizes(30, 2, 500)) == short
