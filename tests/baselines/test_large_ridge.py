"""Ridge by Lanczos' method against the closed form, and its parts against dense matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.baselines import ridge, ridge_equations
from g2p.baselines.krylov import Lanczos
from g2p.baselines.large_ridge import fit_large_ridge
from g2p.baselines.ridge import Ridge
from g2p.baselines.ridge_equations import NormalEquations


def cross(n: int, n_loci: int, seed: int, alike: float = 0.9) -> np.ndarray:
    """Genotypes (n, L), int8, of a chromosome whose neighbouring loci are alike so often."""
    rng = np.random.default_rng(seed)
    changes = rng.random((n, n_loci)) > alike
    changes[:, 0] = rng.random(n) > 0.5
    return np.where(changes.cumsum(axis=1) % 2, 1, -1).astype(np.int8)


def phenotypes_of(genotypes: np.ndarray, heritabilities, seed: int, missing=0.05) -> np.ndarray:
    """Additive phenotypes (n, P) with these heritabilities, some values missing."""
    rng = np.random.default_rng(seed)
    genetic = genotypes @ rng.normal(size=(genotypes.shape[1], len(heritabilities)))
    genetic = (genetic - genetic.mean(axis=0)) / genetic.std(axis=0)
    h2 = np.array(heritabilities)
    y = np.sqrt(h2) * genetic + np.sqrt(1 - h2) * rng.normal(size=genetic.shape)
    y[rng.random(y.shape) < missing] = np.nan
    return y


def r2(ridge, genotypes: np.ndarray, phenotypes: np.ndarray) -> np.ndarray:
    left = np.nansum((phenotypes - (genotypes @ ridge.weight.T + ridge.offset)) ** 2, axis=0)
    return 1 - left / np.nansum((phenotypes - np.nanmean(phenotypes, axis=0)) ** 2, axis=0)


@pytest.mark.parametrize("alike", [0.5, 0.98])
@pytest.mark.parametrize(("n", "n_loci"), [(1500, 700), (700, 1500)])
def test_r2_is_that_of_the_closed_form(n, n_loci, alike):
    genotypes = cross(n + 2000, n_loci, seed=1, alike=alike)
    phenotypes = phenotypes_of(genotypes, [0.2, 0.5, 0.9], seed=2)
    train = np.arange(len(genotypes)) < n
    of_train = np.where(train[:, None], phenotypes, np.nan)
    large = fit_large_ridge(genotypes, of_train, np.empty((len(genotypes), 0)))
    closed = Ridge().fit(genotypes[train], phenotypes[train])
    test = genotypes[~train], phenotypes[~train]
    np.testing.assert_allclose(r2(large, *test), r2(closed, *test), atol=1e-3)
    np.testing.assert_allclose(large.penalty, closed.penalty, rtol=0.1)


@pytest.mark.parametrize(("n", "n_loci"), [(500, 120), (120, 500)])
def test_weights_and_covariates(n, n_loci):
    """Of a mouse and a marker: fixed effects, and strains that count less than others."""
    genotypes = cross(n, n_loci, seed=3)
    rng = np.random.default_rng(4)
    covariates = np.column_stack([rng.integers(0, 2, n), 5 + rng.normal(size=n)]).astype(float)
    phenotypes = phenotypes_of(genotypes, [0.4, 0.8], seed=5) + covariates @ [[3, -2], [0.5, 1]]
    weights = rng.uniform(0.2, 3, phenotypes.shape)
    for of_noise in (None, weights):
        large = fit_large_ridge(genotypes, phenotypes, covariates, of_noise)
        closed = Ridge().fit(genotypes, phenotypes, covariates, of_noise)
        np.testing.assert_allclose(large.covariate_effects, closed.covariate_effects, atol=0.02)
        fitted, expected = (
            genotypes @ each.weight.T + each.offset + covariates @ each.covariate_effects.T
            for each in (large, closed)
        )
        np.testing.assert_allclose(fitted, expected, atol=0.1)


@given(
    n=st.integers(8, 40), n_loci=st.integers(2, 40), block=st.integers(1, 50),
    n_covariates=st.integers(0, 2), weighted=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_products_are_those_of_dense_matrices(n, n_loci, block, n_covariates, weighted, seed):
    """A, b and the trace, with fixed effects projected out by a dense matrix."""
    rng = np.random.default_rng(seed)
    genotypes = rng.integers(-1, 2, (n, n_loci)).astype(np.int8)
    phenotypes = rng.normal(size=(n, 2))
    phenotypes[: n // 4] = np.nan  # strains that are not for training
    phenotypes[n // 4 : n // 4 + 1, 1] = np.nan
    covariates = rng.normal(size=(n, n_covariates))
    weights = rng.uniform(0.5, 2, (n, 2)) if weighted else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ridge_equations, "BLOCK", block)
        equations = NormalEquations(genotypes, phenotypes, covariates, weights)
        rows = np.isfinite(phenotypes[:, 0])
        vectors = rng.normal(size=(5, equations.start.shape[1])).astype(np.float32)
        products = equations.times(vectors)
    for k, (vector, product) in enumerate(zip(vectors, products, strict=True)):
        root = np.zeros(rows.sum())
        seen = np.isfinite(phenotypes[rows, k % 2])
        root[seen] = 1 if weights is None else np.sqrt(weights[rows, k % 2][seen])
        F = root[:, None] * np.column_stack([np.ones(rows.sum()), covariates[rows]])
        outside = np.diag((root > 0).astype(float)) - F @ np.linalg.pinv(F)
        X = outside @ (root[:, None] * genotypes[rows])
        A = X @ X.T if equations.in_strains else X.T @ X
        if equations.in_strains:
            vector = outside @ vector
            product = outside @ product
            products_of = (
                outside
                @ equations.times(np.vstack([vectors[:k], vector[None].astype(np.float32)]))[k]
            )
            product = products_of
        np.testing.assert_allclose(product, A @ vector, atol=2e-3)
        if k < 2:
            y = outside @ (root * np.nan_to_num(phenotypes[rows, k]))
            b = y if equations.in_strains else X.T @ y
            np.testing.assert_allclose(equations.start[k], b, atol=1e-3)
            assert equations.trace[k] == pytest.approx(np.trace(A), rel=1e-4, abs=1e-3)
            assert equations.sum_of_squares[k] == pytest.approx(y @ y, rel=1e-6)


def test_lanczos_has_the_eigenvalues_of_the_whole():
    """After as many steps as rows; and solves with any penalty from the same steps."""
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(2, 25, 25))
    A = roots @ roots.mT
    start = rng.normal(size=(2, 25)).astype(np.float32)
    lanczos = Lanczos(start)
    for _ in range(25):
        lanczos.step(lambda v: np.einsum("kij,kj->ki", A, v).astype(np.float32))
    for k in range(2):
        values, vectors = lanczos.spectrum(k)
        np.testing.assert_allclose(values, np.linalg.eigvalsh(A[k]), rtol=1e-3, atol=1e-2)
        for penalty in (1.0, 30.0):
            along = lanczos.norm[k] * vectors @ (vectors[0] / (values + penalty))
            expected = np.linalg.solve(A[k] + penalty * np.eye(25), start[k])
            np.testing.assert_allclose(lanczos.combine(k, along), expected, atol=1e-3)


def test_lanczos_stops_where_the_space_is_complete():
    """A start that is an eigenvector: nothing is beyond it, and nothing is divided by zero."""
    A, start = np.diag([3.0, 2.0, 1.0]), np.array([[0, 1, 0]], np.float32)
    lanczos = Lanczos(start)
    for _ in range(3):
        lanczos.step(lambda v: (v @ A).astype(np.float32))
    values, vectors = lanczos.spectrum(0)
    assert values @ vectors[0] ** 2 == pytest.approx(2.0)
    assert lanczos.beyond[0].tolist() == [0, 0, 0]


def test_many_patterns_or_a_large_panel_are_not_decomposed(monkeypatch):
    genotypes = cross(80, 30, seed=6)
    phenotypes = phenotypes_of(genotypes, [0.5] * 6, seed=7, missing=0)
    fits = []
    monkeypatch.setattr(ridge, "LARGEST", 31)

    def large(*arguments):
        fits.append(1)
        return fit_large_ridge(*arguments)

    monkeypatch.setattr(ridge, "fit_large_ridge", large)
    Ridge().fit(genotypes, phenotypes)  # one pattern, 30 loci
    assert not fits
    phenotypes[range(5), range(5)] = np.nan
    fitted = Ridge().fit(genotypes, phenotypes)
    assert fits and fitted.state.keys() == {"weight", "offset", "penalty"}
    assert fitted.predict(genotypes).shape == (80, 6)


@pytest.mark.parametrize(("n", "n_loci"), [(60, 20), (20, 60)])
def test_a_phenotype_in_whose_strains_no_locus_varies(n, n_loci):
    genotypes = cross(n, n_loci, seed=1)
    genotypes[n // 2 :] = genotypes[-1]
    phenotypes = np.random.default_rng(2).normal(size=(n, 2))
    phenotypes[: n // 2, 1] = np.nan
    large = fit_large_ridge(genotypes, phenotypes, np.empty((n, 0)))
    np.testing.assert_allclose(large.weight[1], 0, atol=1e-5)
    assert large.offset[1] == pytest.approx(phenotypes[n // 2 :, 1].mean(), abs=1e-4)
