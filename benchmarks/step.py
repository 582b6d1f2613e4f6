"""A training step by model and size, against what the device can do: `python -m benchmarks.step`.

    ceilings   matrix products and exponentials a second of this device, measured
    step       forward, backward and optimizer; FLOPs and exponentials a second that it achieves
    reference  the textbook formulation on the same batch: explicit one-hot tokens and materialised
               weights for Rijal's model, torch's own encoder for the transformer
    growth     exponents, fitted: of the step's time with loci (L), members (K) and width (D), of an
               epoch's with strains (N)
    project    seconds of an epoch at larger sizes: a fit of L and L^2, times N strains
    compile    with --compile: how many times as fast `torch.compile` makes a step; on a GPU also
               with CUDA graphs

Needs neither Hydra nor wandb. Writes step_DEVICE.json.
"""

import argparse
import json
from pathlib import Path
from statistics import median

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.optimize import nnls

from benchmarks.architectures import WIDTHS, TorchEncoder, build, products
from benchmarks.naive_rijal import naive_rijal
from benchmarks.stopwatch import Stopwatch
from g2p.training.packed.flat_parameters import bytes_for_backward, bytes_of_parameters

RESULTS = Path(__file__).parent / "results"
COMPILED = 128, 1_164  # loci at which compiling is tried
PUBLISHED = 72_000, 1_164  # training strains and loci of the BBQ panel
LARGER_SIZES = ((72_000, 1_164), (1_000_000, 1_164), (72_000, 10_000), (1_000_000, 10_000))


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Of size, in a power law fitted on logarithmic scales."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def measure(device: Stopwatch, batch: int, loci: list[int], most_seconds: float) -> list[dict]:
    """Return a row for each model and L, small L first; a model stops where a step is too slow."""
    rows = []
    for name, dim in WIDTHS.items():
        for L in loci:
            model = build(name, L, dim).to(device.name)
            seconds = device.step(model, model, batch, L)
            flops, exponentials = products(name, batch, L, dim)
            one = torch.ones(batch, L, device=device.name)
            row = {
                "model": name, "loci": L, "width": dim, "batch": batch, "seconds": seconds,
                "flops_per_s": flops / seconds, "exponentials_per_s": exponentials / seconds,
                "bytes": bytes_for_backward(model, one) + bytes_of_parameters(model),
            }  # fmt: skip
            if PUBLISHED[1] >= L and name != "pooled_attention":
                other = model if name == "rijal_attention" else TorchEncoder(model, dim)
                forward = (lambda x, m=model: naive_rijal(m, x)) if other is model else other
                row["yardstick_seconds"] = device.step(other.to(device.name), forward, batch, L)
            rows.append(row)
            if seconds > most_seconds:
                break
    return rows


def growth(device: Stopwatch, rows: list[dict], batch: int) -> dict[str, float]:
    """Fit exponents of time: with L for each model (three largest), with N, K and D for Rijal's."""
    exponents = {}
    for name in WIDTHS:
        last = [row for row in rows if row["model"] == name][-3:]
        exponents[f"L, {name}"] = exponent([r["loci"] for r in last], [r["seconds"] for r in last])
    # At few loci, since the largest of each takes as long as many of the smallest.
    L = rows[0]["loci"]
    strains, members, widths = [512, 2048, 8192], [2, 6, 18], [13, 32, 64, 128]
    small = build("rijal_attention", L, 13)
    exponents[f"N, rijal_attention at L={L}"] = exponent(
        strains, [device.epoch(small, batch, L, N) for N in strains]
    )
    exponents[f"K, rijal_attention at L={L}"] = exponent(
        members, [device.packed_step(K, batch, L) for K in members]
    )
    models = [build("rijal_attention", 4 * L, D) for D in widths]
    exponents[f"D, rijal_attention at L={4 * L}"] = exponent(
        widths, [device.step(model, model, batch, 4 * L) for model in models]
    )
    return exponents


def projections(rows: list[dict]) -> list[dict]:
    """Project seconds of an epoch of N strains and L loci: linear maps cost a L, attention b L^2,
    with a and b fitted to a model's three largest L.
    """
    projected = []
    for name in WIDTHS:
        largest = [row for row in rows if row["model"] == name][-3:]
        sizes, seconds = (np.array([row[key] for row in largest]) for key in ("loci", "seconds"))
        relative = np.stack([sizes, sizes**2], axis=1) / seconds[:, None]
        (a, b), _ = nnls(relative, np.ones(len(largest)))
        last = largest[-1]
        for N, L in LARGER_SIZES:
            step = a * L + b * L**2
            memory = last["bytes"] * L / last["loci"]
            seconds = step * N / last["batch"]
            projected.append(
                {"model": name, "N": N, "L": L, "epoch_s": seconds, "step_bytes": memory}
            )
    return projected


def time_compiled(device: Stopwatch, batch: int, loci: list[int]) -> list[dict]:
    """Measure how many times as fast `torch.compile` makes each model and L; median of three."""
    speedups = []
    for name, dim in WIDTHS.items():
        for L in loci:
            model = build(name, L, dim).to(device.name)
            for mode in ("default", *(["reduce-overhead"] if device.name == "cuda" else [])):
                forward = torch.compile(model, mode=mode)
                times = median(
                    device.step(model, model, batch, L) / device.step(model, forward, batch, L)
                    for _ in range(3)
                )
                speedups.append({"model": name, "loci": L, "mode": mode, "times": times})
    return speedups


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--bf16", action="store_true", help="autocast the forward pass")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--loci", default="128,256,512,1164,2048,4096")
    parser.add_argument("--seconds", type=float, default=1.0, help="of timing, each")
    parser.add_argument("--most-seconds", type=float, default=3.0, help="of a step")
    parser.add_argument("--compile", action="store_true", help="try torch.compile, too")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args()
    device = Stopwatch(options.device, options.bf16, options.seconds)
    ceilings = device.ceilings()
    loci = [int(text) for text in options.loci.split(",")]
    rows = measure(device, options.batch, loci, options.most_seconds)
    exponents = growth(device, rows, options.batch)
    projected = projections(rows)
    compiled_loci = [L for L in loci if L in COMPILED and options.compile]
    speedups = time_compiled(device, options.batch, compiled_loci)

    table = Table(title=f"training step, batch {options.batch}")
    for column in ("model", "L", "ms", "GFLOP/s", "of ceiling", "Gexp/s", "of ceiling", "MB",
                   "times reference"):  # fmt: skip
        table.add_column(column, justify="right")
    for row in rows:
        reference = row.get("yardstick_seconds")
        table.add_row(
            row["model"], str(row["loci"]), f"{1e3 * row['seconds']:.1f}",
            f"{row['flops_per_s'] / 1e9:.1f}", f"{row['flops_per_s'] / ceilings['flops']:.0%}",
            f"{row['exponentials_per_s'] / 1e9:.2f}",
            f"{row['exponentials_per_s'] / ceilings['exponentials']:.0%}",
            f"{row['bytes'] / 1e6:.0f}",
            f"{reference / row['seconds']:.2f}" if reference else "",
        )  # fmt: skip
    further = Table(title="an epoch, projected")
    for column in ("model", "strains", "loci", "hours an epoch", "GB a step"):
        further.add_column(column, justify="right")
    for row in projected:
        further.add_row(
            row["model"], f"{row['N']:,}", f"{row['L']:,}", f"{row['epoch_s'] / 3600:.2f}",
            f"{row['step_bytes'] / 1e9:.2f}",
        )  # fmt: skip
    facts = {
        "device": torch.cuda.get_device_name() if options.device == "cuda" else "cpu",
        "torch": torch.__version__, "threads": torch.get_num_threads(), "bf16": options.bf16,
        "ceilings": ceilings, "rows": rows, "exponents": exponents, "projected": projected,
        "compiled": speedups,
    }  # fmt: skip
    options.out.mkdir(exist_ok=True)
    (options.out / f"step_{options.device}.json").write_text(json.dumps(facts, indent=2) + "\n")
    console = Console()
    console.print(table)
    console.print("exponents of time: " + ", ".join(f"{k}: {v:.2f}" for k, v in exponents.items()))
    console.print(further)
    for row in speedups:
        console.print(
            f"torch.compile ({row['mode']}), {row['model']} at L={row['loci']}: "
            f"{row['times']:.2f} times as fast"
        )


if __name__ == "__main__":
    main()
