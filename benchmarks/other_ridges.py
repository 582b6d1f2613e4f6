"""Ridge beside GEMMA and BOLT-LMM: `python -m benchmarks.other_ridges [--sizes NxL ...]`.

One phenotype of heritability 0.5 on a simulated cross, three tenths of the strains held out: test
R2, heritability by restricted likelihood, and seconds of

    closed form   of g2p, up to 5,000 strains or loci
    lanczos       of g2p, for larger panels
    gemma         -bslmm 2, which is ridge regression by an eigendecomposition (Zhou & Stephens
                  2012), up to 5,000 strains
    bolt          --lmmInfOnly with --predBetasFile, conjugate gradients (Loh et al. 2015); its
                  seconds include association statistics of all loci

Both other programs are Debian's packages (gemma, bolt-lmm); one that is not installed is left out.
Their seconds include reading the files, which is little. One thread each. Writes other_ridges.json.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.panel_scale import genotypes_on_disk
from benchmarks.result_table import write_result
from benchmarks.training_run import RESULTS
from g2p.baselines.large_ridge import fit_large_ridge
from g2p.baselines.ridge import LARGEST, Ridge

HERITABILITY, QTL, TEST = 0.5, 200, 0.3


def simulated(folder: Path, strains: int, loci: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return genotypes (n, L), a phenotype (n,) and which strains (n,) are held out; write both.

    A bed file and a table, in which the phenotype of held-out strains is missing.
    """
    from bed_reader import to_bed

    genotypes = np.asarray(genotypes_on_disk(folder / "cross.npy", strains, loci))
    rng = np.random.default_rng(1)
    causal = np.sort(rng.choice(loci, min(QTL, loci), replace=False))
    genetic = genotypes[:, causal] @ rng.normal(size=len(causal))
    genetic = (genetic - genetic.mean()) / genetic.std()
    noise = rng.normal(size=strains)
    phenotype = HERITABILITY**0.5 * genetic + (1 - HERITABILITY) ** 0.5 * noise
    is_test = rng.random(strains) < TEST
    names = [f"s{i}" for i in range(strains)]
    in_fam = [f"{v:.9f}" if not t else "-9" for v, t in zip(phenotype, is_test, strict=True)]
    to_bed(folder / "p.bed", genotypes + 1, properties={
        "fid": names, "iid": names, "pheno": in_fam, "sid": [f"l{i}" for i in range(loci)],
        "chromosome": (np.arange(loci) * 16 // loci + 1).astype(str),
        "bp_position": np.arange(loci) + 1, "allele_1": ["A"] * loci, "allele_2": ["C"] * loci,
    })  # fmt: skip
    table = pd.DataFrame({"FID": names, "IID": names, "y": np.where(is_test, np.nan, phenotype)})
    table.to_csv(folder / "p.txt", sep=" ", na_rep="NA", index=False)
    return genotypes, phenotype, is_test


def heritability(genotypes: np.ndarray, penalty: float) -> float:
    """Return the share of variance that a mean strain has by loci, at a penalty."""
    genetic = genotypes.var(axis=0).sum() / penalty
    return float(genetic / (genetic + 1))


def r2(predicted: np.ndarray, observed: np.ndarray) -> float:
    return 1 - ((observed - predicted) ** 2).sum() / ((observed - observed.mean()) ** 2).sum()


def gemma(folder: Path) -> tuple[np.ndarray, float]:
    """Return predictions of held-out strains, in their order, and the heritability."""
    _run(folder, "gemma", "-bfile", "p", "-bslmm", "2", "-o", "fit")
    output = folder / "output"
    _run(
        folder, "gemma", "-bfile", "p", "-epm", output / "fit.param.txt",
        "-emu", output / "fit.log.txt", "-predict", "1", "-o", "test",
    )  # fmt: skip
    predicted = pd.read_csv(output / "test.prdt.txt", header=None)[0].dropna().to_numpy()
    log = (output / "fit.log.txt").read_text()
    return predicted, float(log.partition("pve estimate in the null model =")[2].split()[0])


def bolt(folder: Path) -> tuple[np.ndarray, float]:
    """Return the effects of loci (L,) and the heritability."""
    printed = _run(
        folder, "bolt", "--bfile=p", "--phenoFile=p.txt", "--phenoCol=y", "--lmmInfOnly",
        "--LDscoresUseChip", "--noMapCheck", "--statsFile=stats.txt", "--predBetasFile=betas.txt",
    )  # fmt: skip
    effects = pd.read_csv(folder / "betas.txt", sep=r"\s+")["BETA"].to_numpy()
    return effects, float(printed.partition("heritability: h2g =")[2].split()[0])


def _run(folder: Path, *command: str | Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def compare(folder: Path, strains: int, loci: int) -> dict[str, dict]:
    genotypes, phenotype, is_test = simulated(folder, strains, loci)
    train, observed = ~is_test, phenotype[is_test]
    few = min(int(train.sum()), loci)
    result: dict[str, dict] = {}

    def add(name: str, predicted: np.ndarray, h2: float, started: float) -> None:
        seconds = time.perf_counter() - started
        score = {"r2": r2(predicted, observed), "heritability": h2, "seconds": seconds}
        result[f"{strains} x {loci}, {name}"] = score

    methods = {"lanczos": lambda X, y: fit_large_ridge(X, y, np.empty((len(y), 0)))}
    if few <= LARGEST:
        methods["closed form"] = lambda X, y: Ridge().fit(X, y)
    for name, fit in methods.items():
        started = time.perf_counter()
        fitted = fit(genotypes[train], phenotype[train, None])
        predicted = genotypes[is_test] @ fitted.weight[0] + fitted.offset[0]
        add(name, predicted, heritability(genotypes[train], fitted.penalty[0]), started)
    if shutil.which("gemma") and train.sum() <= LARGEST:
        started = time.perf_counter()
        add("gemma", *gemma(folder), started)
    if shutil.which("bolt"):
        started = time.perf_counter()
        effects, h2 = bolt(folder)
        genetic = genotypes @ effects
        predicted = genetic[is_test] - genetic[train].mean() + phenotype[train].mean()
        add("bolt", predicted, h2, started)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["3000x3000", "8000x8000"])
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, dict] = {}
    for size in options.sizes:
        strains, loci = map(int, size.split("x"))
        with tempfile.TemporaryDirectory() as scratch:
            result |= compare(Path(scratch), strains, loci)
    write_result(result, options.out / "other_ridges.json", "ridge regression, one phenotype")


if __name__ == "__main__":
    main()
