"""Ridge by Lanczos' method: `python -m benchmarks.large_ridge [--strains N --loci L]`.

    R2      of 5,000 strains x 5,000 loci (--size), five phenotypes that lack 5% of their values,
            each in other strains, against the closed form: the largest difference of test R2, the
            ratio of penalties, and both times. Of a cross, and of unlinked loci
    scale   18 phenotypes of a panel on disk: seconds, and peak of anonymous memory

Full size is --strains 100000 --loci 41594, 4 GB of disk. Writes large_ridge.json.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.panel_scale import MemoryWatch, genotypes_on_disk
from benchmarks.result_table import write_result
from benchmarks.training_run import RESULTS
from g2p.baselines.large_ridge import fit_large_ridge
from g2p.baselines.ridge import Ridge

HERITABILITIES = (0.2, 0.4, 0.6, 0.8, 0.95)
QTL, MISSING, TRAIN = 200, 0.05, 0.7


def phenotypes_of(genotypes: np.ndarray, heritabilities, rng: np.random.Generator) -> np.ndarray:
    """Return additive phenotypes (n, P) of so many causal loci, some values missing."""
    loci = np.sort(rng.choice(genotypes.shape[1], min(QTL, genotypes.shape[1]), replace=False))
    causal = np.asarray(genotypes[:, loci], np.float32)
    genetic = causal @ rng.normal(size=(len(loci), len(heritabilities)))
    genetic = (genetic - genetic.mean(axis=0)) / genetic.std(axis=0)
    h2 = np.array(heritabilities)
    values = np.sqrt(h2) * genetic + np.sqrt(1 - h2) * rng.normal(size=genetic.shape)
    values[rng.random(values.shape) < MISSING] = np.nan
    return values


def r2(fitted, genotypes: np.ndarray, observed: np.ndarray) -> np.ndarray:
    left = observed - (genotypes @ fitted.weight.T + fitted.offset)
    spread = observed - np.nanmean(observed, axis=0)
    return 1 - np.nansum(left**2, axis=0) / np.nansum(spread**2, axis=0)


def compare(genotypes: np.ndarray) -> dict:
    """Fit both to a share of the strains, and score them on the others."""
    rng = np.random.default_rng(1)
    phenotypes = phenotypes_of(genotypes, HERITABILITIES, rng)
    train = rng.random(len(genotypes)) < TRAIN
    no_covariates = np.empty((len(genotypes), 0))
    started = time.perf_counter()
    large = fit_large_ridge(
        genotypes, np.where(train[:, None], phenotypes, np.nan), no_covariates
    )  # fmt: skip
    middle = time.perf_counter()
    closed = Ridge()
    # A phenotype at a time: several patterns of so many strains would not be decomposed.
    each = [Ridge().fit(genotypes[train], phenotypes[train, p, None]) for p in range(5)]
    closed.weight = np.concatenate([one.weight for one in each])
    closed.offset = np.concatenate([one.offset for one in each])
    ended = time.perf_counter()
    test = genotypes[~train].astype(float), phenotypes[~train]
    penalties = large.penalty / np.concatenate([one.penalty for one in each])
    return {
        "largest_difference_of_r2": float(np.abs(r2(large, *test) - r2(closed, *test)).max()),
        "smallest_ratio_of_penalties": float(penalties.min()),
        "largest_ratio_of_penalties": float(penalties.max()),
        "seconds": middle - started,
        "seconds_of_closed_form": ended - middle,
    }


def scale(folder: Path, strains: int, loci: int) -> dict:
    genotypes = genotypes_on_disk(folder / "large.npy", strains, loci)
    rng = np.random.default_rng(2)
    phenotypes = phenotypes_of(genotypes, np.linspace(0.2, 0.9, 18), rng)
    memory = MemoryWatch()
    started = time.perf_counter()
    fit_large_ridge(genotypes, phenotypes, np.empty((strains, 0)))
    seconds = time.perf_counter() - started
    return {
        "strains": strains, "loci": loci, "seconds": seconds,
        "peak_anonymous_mib": memory.highest / 2**20,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=5_000)
    parser.add_argument("--strains", type=int, default=20_000)
    parser.add_argument("--loci", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args()
    size = options.size
    unlinked = np.random.default_rng(0).integers(0, 2, (size, size), np.int8) * 2 - 1
    with tempfile.TemporaryDirectory() as scratch:
        cross = np.asarray(genotypes_on_disk(Path(scratch) / "cross.npy", size, size))
        result = {
            "cross": compare(cross),
            "unlinked": compare(unlinked),
            "scale": scale(Path(scratch), options.strains, options.loci),
        }
    write_result(result, options.out / "large_ridge.json", "ridge by Lanczos' method")


if __name__ == "__main__":
    main()
