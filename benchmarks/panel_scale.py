"""Data at the field's size: `python -m benchmarks.panel_scale [--strains N --loci L ...]`.

    loci     independent loci of an N x L panel on disk: seconds, peak memory, and floating-point
             operations against those of the full correlation matrix
    open     a stored panel of that size, opened again
    epoch    a shuffled epoch of the published panel's size (72,000 x 1,164) into float32 batches
    plink    a bed file of 1,814 x 10,346 to a panel
    text     gzipped text of the BBQ panel's form to a stored panel

Full size (100,000 x 41,594) needs 9 GB of disk: --strains 100000 --loci 41594. Writes
panel_scale.json.
"""

import argparse
import gzip
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from rich.progress import track

from benchmarks.result_table import write_result
from benchmarks.training_run import RESULTS
from g2p.data import ld_pruning
from g2p.data.batches import Batches
from g2p.data.ld_pruning import ld_prune
from g2p.data.panel import Panel
from g2p.data.panel_store import stored_panel

BLOCK = 2_000  # strains simulated at a time
SWITCH = 0.001  # between neighbouring loci: 40 Morgans over 41,594 loci, as in the BBQ panel


def genotypes_on_disk(file: Path, strains: int, loci: int) -> np.ndarray:
    """Write a cross's calls, int8, block by block; return them mapped."""
    out = np.lib.format.open_memmap(file, mode="w+", dtype=np.int8, shape=(strains, loci))
    rng = np.random.default_rng(0)
    for start in track(range(0, strains, BLOCK), description="simulating"):
        rows = min(BLOCK, strains - start)
        switch = rng.random((rows, loci), dtype=np.float32) < SWITCH
        switch[:, 0] = rng.random(rows) < 0.5
        parity = np.cumsum(switch, axis=1, dtype=np.int32) % 2
        out[start : start + rows] = 1 - 2 * parity
    out.flush()
    return out


class MemoryWatch(threading.Thread):
    """Records the peak of this process's anonymous memory; mapped files are not counted."""

    def __init__(self):
        super().__init__(daemon=True)
        self.start_bytes = self.highest = self.now()
        self.start()

    @staticmethod
    def now() -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("RssAnon:")[2].split()[0]) * 1024

    def run(self) -> None:
        while True:
            self.highest = max(self.highest, self.now())
            time.sleep(0.01)

    def added(self) -> int:
        return self.highest - self.start_bytes


def time_loci(folder: Path, strains: int, loci: int) -> dict:
    genotypes = genotypes_on_disk(folder / "genotypes.npy", strains, loci)
    products = []
    original = ld_pruning._too_close

    def count_products(left, right, threshold):
        products.append(len(left.columns) * len(right.columns))
        return original(left, right, threshold)

    memory = MemoryWatch()
    ld_pruning._too_close = count_products
    started = time.perf_counter()
    pruned = ld_prune(genotypes, 0.94)
    seconds = time.perf_counter() - started
    ld_pruning._too_close = original
    return {
        "strains": strains, "loci": loci, "kept": len(pruned), "seconds": seconds,
        "peak_added_mib": memory.added() / 2**20,
        "operations_saved": loci**2 / sum(products),
    }  # fmt: skip


def time_open(folder: Path) -> dict:
    genotypes = np.load(folder / "genotypes.npy", mmap_mode="r")
    strains, loci = genotypes.shape
    panel = Panel(
        genotypes=genotypes,
        phenotypes=np.random.default_rng(0).standard_normal((strains, 18)),
        strains=[f"s{i}" for i in range(strains)],
        phenotype_names=[f"p{i}" for i in range(18)],
        loci=pa.table({
            "id": [f"l{i}" for i in range(loci)], "chromosome": ["chr01"] * loci,
            "position": list(range(loci)),
        }),
    )  # fmt: skip
    seconds = []
    for _ in range(2):  # built, then opened
        started = time.perf_counter()
        stored_panel(folder, "scale", "x", lambda: panel)
        seconds.append(time.perf_counter() - started)
    return {"strains": strains, "loci": loci, "store_s": seconds[0], "open_s": seconds[1]}


def time_epoch() -> dict:
    rng = np.random.default_rng(0)
    genotypes = torch.from_numpy(rng.integers(-1, 2, (72_000, 1_164), dtype=np.int8))
    phenotypes = torch.zeros(72_000, 18)
    batches = Batches(genotypes, phenotypes, torch.arange(72_000), batch_size=64, seed=0)
    started = time.perf_counter()
    size = sum(batch.genotype_BL.nbytes for batch in batches)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "gb_per_s": size / 1e9 / seconds}


def time_plink(folder: Path) -> dict:
    from bed_reader import to_bed

    from g2p.data.sources import plink

    prefix = folder / "panel"
    rng = np.random.default_rng(0)
    values = rng.integers(0, 3, (1_814, 10_346)).astype(np.int8)
    to_bed(prefix.with_suffix(".bed"), values, properties={"pheno": rng.random(1_814).astype(str)})
    started = time.perf_counter()
    plink.read(
        folder=folder / "panels",
        path=prefix,
        phenotypes=None,
        strains="same",
        facts=[],
        optional_facts=[],
    )
    return {"seconds": time.perf_counter() - started}


def time_text(folder: Path, loci: int, strains: int = 200) -> dict:
    """The BBQ panel's raw files, genotypes gzipped as published, to a stored panel."""
    from g2p.data.sources import bbq

    rng = np.random.default_rng(0)
    line = "\t".join(f"{p:.4f}" for p in rng.random(loci))
    size, first = 0, 0
    for name in bbq.GENOTYPES:
        text = "".join(f"{first + i}\t{line}\n" for i in range(strains)).encode()
        (folder / f"{name}.gz").write_bytes(gzip.compress(text, compresslevel=1))
        size, first = size + len(text), first + strains
    means = "".join(f"{i}\t{x}\n" for i, x in enumerate(rng.standard_normal(first)))
    for name in bbq.PHENOTYPES:
        (folder / name).write_text("strain\tmean\n" + means)
    options = {"files": folder, "source": "raw", "record": "", "precision": "float32"}
    started = time.perf_counter()
    bbq.read(folder=folder / "panels", **options)
    seconds = time.perf_counter() - started
    return {"mb": size / 1e6, "seconds": seconds, "mb_per_s": size / 1e6 / seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strains", type=int, default=20_000)
    parser.add_argument("--loci", type=int, default=10_000)
    parser.add_argument("--text-loci", type=int, default=41_594)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    parser.add_argument("--scratch", type=Path, help="folder for temporary files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        folder = Path(scratch)
        result = {
            "loci": time_loci(folder, options.strains, options.loci),
            "open": time_open(folder),
            "epoch": time_epoch(),
            "plink": time_plink(folder),
            "text": time_text(folder, options.text_loci),
        }
    write_result(result, options.out / "panel_scale.json", "data at the field's size")


if __name__ == "__main__":
    main()
