"""A training step of the Rijal model against its naive formulation: time and peak memory.

    python -m benchmarks.rijal_step [--batch 64] [--loci 1164] [--layers 3] [--rounds 3]
        [--out benchmarks/results]

Both take the same weights and batch. Times are of one process, the two in turn, the ratio taken
pair by pair; peak memory is what one step adds to a new process. Writes
rijal_step.json.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.naive_rijal import naive_rijal
from g2p.models.rijal_attention import RijalAttention
from g2p.training.loss import masked_mse

RESULTS = Path(__file__).parent / "results"


def steps(batch: int, loci: int, layers: int) -> dict[str, Callable[[], float]]:
    """Return one training step of each formulation, on the same batch from the same weights."""
    torch.manual_seed(0)
    genotype = torch.randint(0, 2, (batch, loci)) * 2.0 - 1
    phenotype = torch.randn(batch, 1)
    n_observed = torch.tensor(batch)

    def step(forward: Callable) -> Callable[[], float]:
        torch.manual_seed(0)
        model = RijalAttention(
            n_loci=loci, n_phenotypes=1, num_layers=layers, embedding_dim=13, init_scale=0.03
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

        def run() -> float:
            optimizer.zero_grad()
            loss = masked_mse(forward(model, genotype), phenotype, n_observed)
            loss.backward()
            optimizer.step()
            return loss.item()

        return run

    return {"fused": step(lambda model, x: model(x)), "naive": step(naive_rijal)}


def seconds(step: Callable[[], float]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def added_memory(name: str, sizes: tuple[int, int, int]) -> int:
    """Return the peak bytes that one step of a formulation adds to a new process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_added_memory, (name, sizes))


def _added_memory(name: str, sizes: tuple[int, int, int]) -> int:
    steps(2, 32, 1)[name]()  # torch allocates memory the first time
    step = steps(*sizes)[name]
    before = _peak_memory()
    step()
    return _peak_memory() - before


def _peak_memory() -> int:
    """Return bytes, on Linux. Not getrusage, whose peak is inherited from the parent process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("batch", 64), ("loci", 1164), ("layers", 3), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args()
    sizes = (options.batch, options.loci, options.layers)

    both = steps(*sizes)
    first = {name: step() for name, step in both.items()}  # warm-up; the losses must agree
    times = {name: [] for name in both}
    for _ in range(options.rounds):
        for name, step in both.items():
            times[name].append(seconds(step))
    memory = {name: added_memory(name, sizes) for name in both}

    speedup = statistics.median(n / f for n, f in zip(times["naive"], times["fused"], strict=True))
    results = {
        "sizes": dict(zip(("batch", "loci", "layers"), sizes, strict=True)),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "first_loss": first,
        "seconds": {name: statistics.median(values) for name, values in times.items()},
        "added_bytes": memory,
        "naive_over_fused": {
            "seconds": speedup,
            "added_bytes": memory["naive"] / memory["fused"],
        },
    }
    options.out.mkdir(exist_ok=True)
    (options.out / "rijal_step.json").write_text(json.dumps(results, indent=2) + "\n")

    table = Table(title="Rijal training step: B {}, L {}, {} layers".format(*sizes))
    for column in ("formulation", "seconds", "peak memory of a step", "loss of step 1"):
        table.add_column(column, justify="right")
    for name in both:
        table.add_row(
            name,
            f"{results['seconds'][name]:.3f}",
            f"{memory[name] / 2**20:.0f} MiB",
            f"{first[name]:.6f}",
        )
    ratios = results["naive_over_fused"]
    table.add_row("naive / fused", f"{ratios['seconds']:.2f}", f"{ratios['added_bytes']:.1f}", "")
    Console().print(table)


if __name__ == "__main__":
    main()
