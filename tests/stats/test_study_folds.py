"""The cross-validation in a study's rows, against a multirun's functions and scikit-learn."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import r2_score

from g2p.stats.comparison import Comparison
from g2p.stats.study_folds import study_folds

PAIR = Comparison("model", "a", "b", ("panel", "split.fold"), "panel", "x")


def study(
    folds: int = 5, rounds: int = 1, seeds: int = 1, panels: tuple = ("x",)
) -> tuple[list, dict]:
    """Rows of two models, and (model, panel, round, seed) -> observed and predicted by fold."""
    rng = np.random.default_rng(0)
    rows, values = [], {}
    for panel in panels:
        for r in range(rounds):
            observed = [rng.normal(fold, 1, rng.integers(8, 20)) for fold in range(folds)]
            for model, noise in (("a", 1.5), ("b", 0.7)):
                for seed in range(seeds):
                    predicted = [y + rng.normal(0, noise, len(y)) for y in observed]
                    values[model, panel, r, seed] = observed, predicted
                    for fold, (y, f) in enumerate(zip(observed, predicted, strict=True)):
                        rows.append({
                            "model": model, "panel": panel, "seed": seed, "phenotype": "growth",
                            "same_round": r, "same_split": r * folds + fold, "n": len(y),
                            "r2": r2_score(y, f), "pearson": np.corrcoef(y, f)[0, 1],
                            "n_train": 60, "observed_mean": y.mean(),
                            "observed_variance": y.var(), "squared_error": ((y - f) ** 2).mean(),
                        })  # fmt: skip
    return rows, values


@pytest.mark.parametrize("rounds", [1, 3])
def test_scores_of_an_arm_over_its_folds(rounds):
    rows, values = study(rounds=rounds)
    result = study_folds(rows, "model", [], [])
    assert result.names == ("model",) and result.tests == []
    score = result.scores[("a",), "growth"]
    r2 = [row["r2"] for row in rows if row["model"] == "a"]
    assert score.folds == 5 * rounds
    assert (score.r2_mean, score.r2_se) == pytest.approx((np.mean(r2), stats.sem(r2)))
    pooled = [
        r2_score(*map(np.concatenate, values["a", "x", r, 0])) for r in range(rounds)
    ]  # fmt: skip
    assert score.r2_pooled == pytest.approx(np.mean(pooled))


def test_seeds_on_the_same_fold_are_one_fold():
    rows, values = study(seeds=3)
    score = study_folds(rows, "model", [], []).scores[("b",), "growth"]
    r2 = np.array([row["r2"] for row in rows if row["model"] == "b"]).reshape(3, 5).mean(axis=0)
    assert score.folds == 5
    assert (score.r2_mean, score.r2_se) == pytest.approx((r2.mean(), stats.sem(r2)))
    pooled = [r2_score(*map(np.concatenate, values["b", "x", 0, seed])) for seed in range(3)]
    assert score.r2_pooled == pytest.approx(np.mean(pooled))


def test_arms_are_tested_within_a_phenotype_and_setting():
    rows, _ = study(panels=("x", "y"))
    result = study_folds(rows, "model", ["panel"], [PAIR])
    (test,) = result.tests
    assert (test.phenotype, test.settings, test.a, test.b) == ("growth", ("x",), "a", "b")
    a, b = ([row for row in rows if (row["model"], row["panel"]) == (model, "x")] for model in "ab")
    d = np.array([after["r2"] - before["r2"] for before, after in zip(a, b, strict=True)])
    share = np.mean([row["n"] / 60 for row in a])
    error = np.sqrt((1 / 5 + share) * d.var(ddof=1))
    assert test.difference.mean == pytest.approx(d.mean())
    assert test.difference.test.p == pytest.approx(2 * stats.t.sf(abs(d.mean()) / error, 4))
    pooled = study_folds(rows, "model", ["panel"], [Comparison("model", "a", "b", ("panel",))])
    assert [test.settings for test in pooled.tests] == [("x",), ("y",)]
    other = [Comparison("panel", "x", "y"), Comparison("model", "a", "b", trend=("a", "b"))]
    assert study_folds(rows, "model", ["panel"], other).tests == []


def test_one_fold_a_round_is_no_cross_validation():
    rows, _ = study(folds=1, rounds=4)
    assert study_folds(rows, "model", [], [PAIR]) is None
    assert study_folds([], "model", [], [PAIR]) is None


def test_runs_without_values_have_no_pooled_r2():
    rows, _ = study()
    rows = [row | {"squared_error": None} for row in rows]
    score = study_folds(rows, "model", [], []).scores[("a",), "growth"]
    assert np.isnan(score.r2_pooled) and np.isfinite(score.r2_mean)
