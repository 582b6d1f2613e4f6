"""Ridge where no Gram matrix fits: Lanczos' method on blocks of genotypes.

With A = X'X and b = X'y, fixed effects projected out of both, ridge's weights are (A + alpha)^-1 b.
The Krylov space of A and b is the same whatever alpha is added (Frommer & Maass 1999, SIAM Journal
on Scientific Computing 20:1831), so one sequence of products with A serves every penalty: in that
space A is a small tridiagonal matrix, and a phenotype's likelihood a closed form. The likelihood's
log det comes from the same products with random vectors (stochastic Lanczos quadrature; Ubaru, Chen
& Saad 2017, SIAM Journal on Matrix Analysis and Applications 38:1075).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from g2p.baselines.krylov import Lanczos
from g2p.baselines.reml import maximise_likelihood
from g2p.baselines.ridge_equations import NormalEquations
from g2p.core.progress import report

# Signs in all probes: the penalty is then within some 3% of the closed form's.
SIGNS, FEWEST_PROBES, MOST_PROBES = 500_000, 10, 250
MOST_STEPS = 300
STEPS_BETWEEN_LOOKS = 5
# |b - (A + alpha) w| / |b| at which it stops, and the share by which a penalty may still change
# between looks: R2 changes by less than the former, and hardly depends on the latter.
RESIDUAL, STEADY = 2e-3, 0.1


class RidgeFit(NamedTuple):
    """Weights (P, L), offsets (P,), penalties (P,) and effects of covariates (P, C)."""

    weight: np.ndarray
    offset: np.ndarray
    penalty: np.ndarray
    covariate_effects: np.ndarray


def fit_large_ridge(
    genotypes: np.ndarray, phenotypes: np.ndarray, covariates: np.ndarray,
    weights: np.ndarray | None = None,
) -> RidgeFit:  # fmt: skip
    """Fit to genotypes (n, L), which may be a map of a file, and phenotypes (n, P).

    It takes 20 to 100 products with all genotypes, and for each 4 bytes a locus, or a strain,
    whichever are fewer, and phenotype or probe. Probes belong to the phenotypes in turn, and all
    of them tell the log det of each, scaled to its own trace and size: phenotypes may lack
    different strains.

    Args:
        genotypes: of all strains; those of strains without a phenotype are not looked at.
        phenotypes: NaN where missing.
        covariates: (n, C), fixed effects.
        weights: (n, P), 1 / variance of the noise, up to a factor; None: all alike.
    """
    equations = NormalEquations(genotypes, phenotypes, covariates, weights)
    n_phenotypes = len(equations.start)
    probes = equations.probe(np.random.default_rng(0), count_probes(equations.start.shape[1]))
    lanczos = Lanczos(np.vstack([equations.start, probes]))
    penalty = np.zeros(n_phenotypes)
    most = min(MOST_STEPS, probes.shape[1])
    while True:
        lanczos.step(equations.times)
        if lanczos.steps % STEPS_BETWEEN_LOOKS and lanczos.steps < most:
            continue
        log_det = _log_det(equations, lanczos)
        solutions = [_solve(equations, lanczos, p, log_det) for p in range(n_phenotypes)]
        before, penalty = penalty, np.array([solution.penalty for solution in solutions])
        residual = max(RESIDUAL, *(solution.residual for solution in solutions))
        report(min(1.0, np.log(residual) / np.log(RESIDUAL)))
        is_steady = np.allclose(penalty, before, rtol=STEADY)
        if (is_steady and residual == RESIDUAL) or lanczos.steps >= most:
            break
    solved = np.stack([lanczos.combine(p, each.along) for p, each in enumerate(solutions)])
    weight = equations.weight(solved)
    offset, effects = equations.fixed_effects(weight)
    return RidgeFit(weight, offset, penalty, effects)


def count_probes(size: int) -> int:
    """Return the number of random vectors of so many signs, of loci or of strains."""
    return int(np.clip(SIGNS // size, FEWEST_PROBES, MOST_PROBES))


class _Solution(NamedTuple):
    """A phenotype's penalty, what solves its equations along the vectors, and what is left of b."""

    penalty: float
    along: np.ndarray
    residual: float


def _log_det(equations: NormalEquations, lanczos: Lanczos) -> Callable[[int, float], float]:
    """Return log det (A / penalty + 1) of phenotype p, as a function of p and the penalty."""
    n_phenotypes = len(equations.start)
    typical = equations.typical
    spectra = [lanczos.spectrum(k) for k in range(n_phenotypes, len(lanczos.norm))]
    # Eigenvalues as multiples of a typical one, and their share of all of them.
    multiples = [values / typical[k % n_phenotypes] for k, (values, _) in enumerate(spectra)]
    shares = [vectors[0] ** 2 / len(spectra) for _, vectors in spectra]
    multiples, shares = np.concatenate(multiples), np.concatenate(shares)

    def log_det(p: int, penalty: float) -> float:
        return equations.size[p] * float(shares @ np.log1p(typical[p] * multiples / penalty))

    return log_det


def _solve(
    equations: NormalEquations, lanczos: Lanczos, p: int, log_det: Callable[[int, float], float]
) -> _Solution:
    """Maximise the restricted likelihood of phenotype p, and solve its equations there."""
    values, vectors = lanczos.spectrum(p)
    norm = lanczos.norm[p]
    shares = norm**2 * vectors[0] ** 2  # of b'b
    sum_of_squares = equations.sum_of_squares[p]

    def unexplained(penalty: float) -> float:
        if equations.in_strains:  # b is y
            return (shares * penalty / (values + penalty)).sum()
        return max(sum_of_squares - (shares / (values + penalty)).sum(), np.finfo(float).tiny)

    penalty = maximise_likelihood(
        lambda penalty: log_det(p, penalty), unexplained, equations.degrees[p],
        equations.typical[p],
    )  # fmt: skip
    along = norm * vectors @ (vectors[0] / (values + penalty))
    residual = lanczos.beyond[p, -1] * abs(along[-1]) / (norm or 1.0)
    return _Solution(penalty, along, residual)
