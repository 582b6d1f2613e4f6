"""Loss and scores against scikit-learn, scipy and hand sums; ridge against its other forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, pearsonr
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.metrics import r2_score

from g2p.baselines.ridge import Ridge
from g2p.training.loss import masked_mse
from g2p.training.metrics import scores


def with_gaps(rng, n, p, rate):
    observed = rng.standard_normal((n, p)) * 2 + 1
    observed[rng.random((n, p)) < rate] = np.nan
    observed[:2] = [[0.0] * p, [1.0] * p]  # two different values for each phenotype
    return observed


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000), n=st.integers(3, 50), p=st.integers(1, 5), rate=st.floats(0, 0.6)
)
def test_scores_are_those_of_scikit_learn_and_scipy(seed, n, p, rate):
    rng = np.random.default_rng(seed)
    observed, predicted = with_gaps(rng, n, p, rate), rng.standard_normal((n, p))
    result = scores(predicted, observed)
    errors = []
    for j in range(p):
        valid = np.isfinite(observed[:, j])
        y, f = observed[valid, j], predicted[valid, j]
        assert result.n[j] == valid.sum()
        assert result.r2[j] == pytest.approx(r2_score(y, f), abs=1e-9)
        assert result.pearson[j] == pytest.approx(pearsonr(y, f)[0], abs=1e-9)
        errors.extend((y - f) ** 2)
    assert result.loss == pytest.approx(np.mean(errors))
    loss = masked_mse(
        torch.tensor(predicted), torch.tensor(observed), torch.tensor(np.isfinite(observed).sum())
    )
    assert float(loss) == pytest.approx(np.mean(errors))


def test_a_constant_prediction_has_no_correlation():
    result = scores(np.ones((3, 1)), np.array([[1.0], [2], [3]]))
    assert result.pearson[0] == 0
    assert result.r2[0] == pytest.approx(1 - 5 / 2)


def test_missing_values_have_no_gradient_and_an_empty_batch_no_loss():
    predicted = torch.ones(2, 2, requires_grad=True)
    observed = torch.tensor([[float("nan"), 2.0], [float("nan"), 1.0]])
    masked_mse(predicted, observed, torch.tensor(2)).backward()
    assert predicted.grad.tolist() == [[0, -1], [0, 0]]
    nothing = torch.full((2, 2), float("nan"))
    assert masked_mse(predicted, nothing, torch.tensor(0)) == 0


def cross(seed, n, n_loci, p=1, rate=0.0):
    rng = np.random.default_rng(seed)
    genotypes = rng.choice(np.array([-1, 1], np.int8), (n, n_loci))
    phenotypes = genotypes @ rng.standard_normal((n_loci, p)) / np.sqrt(n_loci)
    phenotypes += rng.standard_normal((n, p)) + 3
    phenotypes[rng.random((n, p)) < rate] = np.nan
    return genotypes, phenotypes


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999), n=st.integers(20, 60), n_loci=st.integers(2, 90))
def test_ridge_is_scikit_learns_at_its_penalty(seed, n, n_loci):
    """Primal and dual alike, each phenotype on the strains observed in it."""
    genotypes, phenotypes = cross(seed, n, n_loci, p=3, rate=0.1)
    ridge = Ridge().fit(genotypes, phenotypes)
    for j in range(3):
        valid = np.isfinite(phenotypes[:, j])
        other = SklearnRidge(alpha=ridge.penalty[j], solver="svd")
        other.fit(genotypes[valid].astype(float), phenotypes[valid, j])
        np.testing.assert_allclose(ridge.weight[j], other.coef_, atol=1e-8)
        np.testing.assert_allclose(
            ridge.predict(genotypes)[:, j], other.predict(genotypes.astype(float)), atol=1e-7
        )


@pytest.mark.parametrize(("n", "n_loci"), [(40, 10), (40, 70)])
def test_ridges_penalty_maximises_the_restricted_likelihood(n, n_loci):
    """Against the likelihood of the contrasts written as a dense normal density, on a grid."""
    genotypes, phenotypes = cross(3, n, n_loci)
    y, X = phenotypes[:, 0], genotypes.astype(float)
    # Rows orthogonal to the mean: their likelihood is the restricted one, up to a constant.
    contrasts = np.linalg.svd(np.eye(n) - 1 / n)[0][:, : n - 1].T
    kernel = contrasts @ X @ X.T @ contrasts.T

    def log_likelihood(alpha: float) -> float:
        shape = kernel / alpha + np.eye(n - 1)
        z = contrasts @ y
        s2 = z @ np.linalg.solve(shape, z) / (n - 1)
        return multivariate_normal(cov=s2 * shape).logpdf(z)

    penalty = Ridge().fit(genotypes, phenotypes).penalty[0]
    grid = penalty * np.exp(np.linspace(-6, 6, 241))
    best = grid[np.argmax([log_likelihood(alpha) for alpha in grid])]
    assert np.log(best / penalty) == pytest.approx(0, abs=0.051)


def test_ridge_finds_pure_noise_and_a_noiseless_cross():
    rng = np.random.default_rng(0)
    genotypes = rng.choice(np.array([-1, 1], np.int8), (300, 40))
    noise = rng.standard_normal((300, 1))
    exact = genotypes @ rng.standard_normal((40, 1))
    ridge = Ridge().fit(genotypes[:200], np.hstack([noise, exact])[:200])
    result = scores(ridge.predict(genotypes[200:]), np.hstack([noise, exact])[200:])
    assert abs(result.r2[0]) < 0.1
    assert result.r2[1] > 0.9999


def test_ridge_without_a_locus_that_varies_predicts_the_mean():
    genotypes, phenotypes = np.ones((30, 4), np.int8), np.arange(30.0)[:, None]
    ridge = Ridge().fit(genotypes, phenotypes)
    np.testing.assert_allclose(ridge.predict(genotypes), 14.5)


@pytest.mark.slow
def test_ridge_on_the_real_cross(byxrm_folder, tmp_path):
    """YPD over five random splits: 0.48 is expected, with a standard deviation of 0.04."""
    from g2p.data import load_panel
    from g2p.data import split as splits
    from g2p.data.preprocess import prepare
    from tests.helpers.configs import compose
    from tests.helpers.panels import PREPARE

    options = compose("data=byxrm", f"paths.data={byxrm_folder.parent}")["data"]
    panel, _ = load_panel(options, tmp_path)
    r2 = []
    for seed in range(5):
        split = splits.random(panel, [], seed=seed, n_train=None, test_share=0.15)
        arguments = PREPARE | {"max_correlation": 0.94}
        data = prepare(panel, split, panel.columns("YPD"), compose()["qc"], **arguments)
        train, test = data.split["train"], data.split["test"]
        ridge = Ridge().fit(data.genotypes[train], data.phenotypes[train])
        r2.append(scores(ridge.predict(data.genotypes[test]), data.phenotypes[test]).r2[0])
    assert np.mean(r2) == pytest.approx(0.48, abs=0.05)
