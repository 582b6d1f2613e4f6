"""How long a closed form will fit: a smaller fit is timed here, on random genotypes."""

import timeit
import warnings
from collections.abc import Mapping

import numpy as np

from g2p.baselines import build_baseline
from g2p.baselines.per_phenotype import PerPhenotype
from g2p.baselines.ridge import Ridge
from g2p.core.errors import G2PError
from g2p.study.sizes import Sizes

# Fewer than both are fitted in about a second, which an estimate would take, too.
FEW_STRAINS, FEW_GENOTYPES, SHORT_SECONDS = 2_000, 1_000_000, 1.0
LEAST_SECONDS = 0.3  # of the fit that is extrapolated
LEAST_GENOTYPES, FIRST_STRAINS = 20_000, 250  # of the smallest fit
GROWTH = 1.3  # by which it takes longer than one of half the genotypes
ALIKE = 0.95  # neighbouring loci, as in a cross: correlated loci take a lasso longer
_cached: dict[str, float | None] = {}  # the runs of a study have few different fits


def fit_seconds(options: Mapping, sizes: Sizes) -> float | None:
    """Estimate the seconds of a closed form's fit; None where it cannot fit so many strains.

    Args:
        options: of the closed form, its name among them.
        sizes: of what it learns from.
    """
    if is_short(sizes):
        return SHORT_SECONDS
    # Folds differ by a strain or two.
    key = repr((options, [f"{number:.2g}" for number in sizes._replace(n_val=0)]))
    if key not in _cached:
        try:
            baseline = build_baseline(options)
            _cached[key] = _extrapolated(baseline, sizes)
        except G2PError:  # the run will say so
            _cached[key] = None
    return _cached[key]


def is_short(sizes: Sizes) -> bool:
    """Whether a panel is so small that its fits are not timed."""
    genotypes = sizes.n_train * sizes.n_loci * sizes.n_phenotypes
    return sizes.n_train < FEW_STRAINS and genotypes < FEW_GENOTYPES


def _extrapolated(baseline, sizes: Sizes) -> float:
    """Fit ever larger panels until the time grows with them, and go on along the last two.

    These have one phenotype, which every strain has.
    """
    n, n_loci = sizes.n_train, sizes.n_loci
    each = sizes.n_phenotypes if isinstance(baseline, PerPhenotype) else 1
    operations = getattr(baseline, "operations", lambda n, n_loci: n * n_loci)
    whole = operations(n, n_loci)
    if isinstance(baseline, Ridge):
        whole = baseline.operations(n, n_loci, sizes.n_phenotypes, sizes.n_patterns)
    share = min(1.0, (LEAST_GENOTYPES / (n * n_loci)) ** 0.5, FIRST_STRAINS / n)
    before, earlier = _timed(baseline, n, n_loci, share)
    if share == 1:
        return each * earlier * whole / operations(n, n_loci)
    while True:
        share = min(1.0, share * 2**0.5)
        size, seconds = _timed(baseline, n, n_loci, share)
        done = operations(*size)
        if share == 1:
            return each * seconds * whole / done
        if seconds >= LEAST_SECONDS and seconds > GROWTH * earlier:
            rate = (seconds - earlier) / (done - operations(*before))
            return each * (seconds + rate * (whole - done))
        before, earlier = size, seconds


def _timed(baseline, n: int, n_loci: int, share: float) -> tuple[tuple[int, int], float]:
    """Fit a panel with a share of the strains and of the loci; return its size and the seconds."""
    size = min(n, max(100, round(n * share))), min(n_loci, max(2, round(n_loci * share)))
    rng = np.random.default_rng(0)
    changes = rng.random(size) > ALIKE
    genotypes = np.where(changes.cumsum(axis=1) % 2 ^ rng.integers(0, 2, (size[0], 1)), 1.0, -1.0)
    genetic = genotypes @ rng.normal(size=size[1])
    phenotypes = genetic / genetic.std() + rng.normal(size=size[0])
    with warnings.catch_warnings(action="ignore"):  # of a few loci that no study has
        # The shorter of two, since other work and imports only make it longer.
        times = timeit.repeat(
            lambda: baseline.fit(genotypes, phenotypes[:, None]), number=1, repeat=2
        )
    return size, min(times)
