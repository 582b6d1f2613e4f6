"""What a GPU must show, in one command of about eight minutes: `python -m benchmarks.gpu`.

    correct     each network in float32 and bf16, stacks and resumed fits, against the CPU
    ceilings    matrix products and exponentials a second, measured
    rijal       its step at the published size, against the textbook formulation
    packed      18 fits as one stacked model against 18 alone: steps and memory
    compiled    torch.compile, with and without CUDA graphs, against neither (on a GPU)
    transformer its step, as a share of the device's matrix rate
    figure 3    18 runs of 200 epochs at the published size, projected from two epochs
    bbq_li      real strains, where G2P_DATA has them and time is left: validation R2, seconds

Needs neither Hydra nor W&B. What fails costs its row and not the rest; what has no time left says
so. Writes gpu_DEVICE.json, and exits with 1 if a row failed or missed its bar.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.architectures import WIDTHS, build, products
from benchmarks.gpu_checks import NETWORKS, network_error, resume_error, stack_error
from benchmarks.naive_rijal import naive_rijal
from benchmarks.stopwatch import Stopwatch
from benchmarks.without_hydra import config, random_data, real_strains, request
from g2p.training.fit import fit_model
from g2p.training.packed.fit import fit_packed

RESULTS = Path(__file__).parent / "results"
MEMBERS = 18
# Epochs of a run of figure 3 (Rijal et al. 2025), whose panel has 72,213 training strains.
EPOCHS, PUBLISHED_STRAINS = 200, 72_213


@dataclass(frozen=True)
class Sizes:
    """Problem sizes to time: the published ones, or `TINY` ones to try the script on a CPU."""

    batch: int = 64
    loci: int = 1164
    strains: int = PUBLISHED_STRAINS
    members: int = MEMBERS
    transformer_batch: int = 256
    matrix: int | None = None  # rows, of the matrix rate; None: as benchmarks.step


TINY = Sizes(batch=4, loci=32, strains=200, members=3, transformer_batch=4, matrix=128)


@dataclass(frozen=True)
class Row:
    """A result: a value, and the bar that it is held to, if there is one."""

    what: str
    value: float | None = None
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    error: str | None = None
    seconds: float = 0.0

    @property
    def passed(self) -> bool | None:
        """Whether the bar is met; None where there is none, or it could not be tried."""
        if self.error is not None:
            return None if self.error in (NO_TIME, NO_DATA) else False
        if self.value is None or (self.at_most is None and self.at_least is None):
            return None
        low = self.at_least if self.at_least is not None else -float("inf")
        high = self.at_most if self.at_most is not None else float("inf")
        return low <= self.value <= high


NO_TIME, NO_DATA = "no time left", "no real strains (G2P_DATA)"
Measure = Callable[[], float]
# What is measured, in its unit, with the bars.
Plan = tuple[str, str, Measure, dict]


class Bench:
    """The measurements on one device, those that need others' results included."""

    def __init__(self, device: str, sizes: Sizes, seconds: float):
        self.device, self.sizes = device, sizes
        self.single = Stopwatch(device, False, seconds)
        self.mixed = Stopwatch(device, True, seconds)
        self.is_gpu = device == "cuda"

    def plans(self) -> Iterator[Plan]:
        """Yield what is measured, what matters most first."""
        bar = (lambda **bars: bars) if self.is_gpu and self.sizes != TINY else (lambda **bars: {})
        for name in NETWORKS:
            # TF32 is off by default, and a sum in another order is exact to about 1e-6.
            check = partial(network_error, name, self.device)
            yield f"correct: {name}", "rel. error", partial(check, bf16=False), {"at_most": 1e-4}
            yield (
                f"correct: {name}, bf16",
                "rel. error",
                partial(check, bf16=True),
                {"at_most": 5e-2},
            )
            stacked = partial(stack_error, name, self.device)
            yield f"correct: {name}, stacked", "rel. error", stacked, {"at_most": 1e-4}
        for packed in (False, True):
            what = f"correct: resumed{', stacked' * packed}"
            resumed = partial(resume_error, self.device, packed=packed)
            yield what, "largest difference", resumed, {"at_most": 1e-4}
        yield "rijal step", "times the textbook's", self.rijal_step, bar(at_least=10)
        stacked_steps = f"{self.sizes.members} stacked steps"
        yield stacked_steps, "times as fast as alone", self.packed_steps, bar(at_least=4)
        if self.is_gpu:
            yield (
                f"memory of {self.sizes.members} stacked",
                "GB",
                self.packed_memory,
                bar(at_most=20),
            )
        yield "transformer step", "share of matrix rate", self.transformer_rate, bar(at_least=0.3)
        yield "figure 3", "hours, projected", self.figure_3, bar(at_most=1)
        for name in ("rijal_attention", "transformer"):
            for mode in ("default", "reduce-overhead") if self.is_gpu else ():
                yield (
                    f"compiled ({mode}): {name}",
                    "times as fast",
                    partial(self.compiled, name, mode),
                    {},
                )
        yield "bbq_li: transformer", "validation R2", self.bbq_li, {}

    def rijal_step(self) -> float:
        batch, loci = self.sizes.batch, self.sizes.loci
        model = build("rijal_attention", loci, WIDTHS["rijal_attention"]).to(self.device)
        ours = self.single.step(model, model, batch, loci)
        return self.single.step(model, lambda x: naive_rijal(model, x), batch, loci) / ours

    def packed_steps(self) -> float:
        batch, loci, members = self.sizes.batch, self.sizes.loci, self.sizes.members
        model = build("rijal_attention", loci, WIDTHS["rijal_attention"]).to(self.device)
        alone = self.single.step(model, model, batch, loci)
        return members * alone / self.single.packed_step(members, batch, loci)

    def packed_memory(self) -> float:
        """Peak memory of stacked steps, in GB."""
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        self.single.packed_step(self.sizes.members, self.sizes.batch, self.sizes.loci)
        return torch.cuda.max_memory_allocated() / 1e9

    def transformer_rate(self) -> float:
        batch, loci = self.sizes.transformer_batch, self.sizes.loci
        model = build("transformer", loci, WIDTHS["transformer"]).to(self.device)
        seconds = self.mixed.step(model, model, batch, loci)
        flops, _ = products("transformer", batch, loci, WIDTHS["transformer"])
        return flops / seconds / self.mixed.ceilings(self.sizes.matrix)["flops"]

    def compiled(self, name: str, mode: str) -> float:
        batch, loci = self.sizes.batch, self.sizes.loci
        model = build(name, loci, WIDTHS[name]).to(self.device)
        plain = self.mixed.step(model, model, batch, loci)
        return plain / self.mixed.step(model, torch.compile(model, mode=mode), batch, loci)

    def figure_3(self) -> float:
        """Hours of 18 packed runs of 200 epochs, from the second of two: all that an epoch does."""
        sizes = self.sizes
        data = random_data(int(sizes.strains / 0.85), sizes.loci, 1)
        with tempfile.TemporaryDirectory() as scratch:
            requests = [
                request(
                    config("rijal_attention", seed=k, trainer__accelerator=self.device,
                           trainer__max_epochs=2, trainer__patience=None),
                    data, Path(scratch, str(k)),
                )
                for k in range(sizes.members)
            ]  # fmt: skip
            fits = [result for _, result in fit_packed(requests)]
        for result in fits:
            if isinstance(result, Exception):
                raise result
        # A row has a member's share of the epoch.
        second = sum(result.rows[1]["seconds"] for result in fits)
        return second * EPOCHS / 3600

    def bbq_li(self) -> float:
        """Validation R2 of the shipped transformer on real strains, after ten epochs."""
        changes = {"trainer__accelerator": self.device, "trainer__max_epochs": 10}
        if self.sizes == TINY:
            changes |= {"trainer__max_epochs": 1, "model__num_layers": 1, "model__embedding_dim": 8}
        with tempfile.TemporaryDirectory() as scratch:
            one = config("transformer", optim="adamw", trainer__patience=None, **changes)
            fitted = fit_model(*request(one, real_strains(), Path(scratch)))
        return max(row["val_r2_mean"] for row in fitted.rows)


def measure(bench: Bench, most_seconds: float) -> Iterator[Row]:
    """Yield a row for each measurement: of one that fails its error, of one too late that."""
    started = time.monotonic()
    for what, unit, call, bars in bench.plans():
        begun = time.monotonic()
        if begun - started > most_seconds:
            yield Row(what, unit=unit, error=NO_TIME, **bars)
            continue
        try:
            value = call()
        except FileNotFoundError:
            yield Row(what, unit=unit, error=NO_DATA, **bars)
        except Exception as error:  # of any kind: the other rows are measured
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            yield Row(what, unit=unit, error=reason, seconds=time.monotonic() - begun, **bars)
        else:
            yield Row(what, value, unit, seconds=time.monotonic() - begun, **bars)


def show(rows: list[Row], console: Console) -> None:
    table = Table(title="benchmarks.gpu")
    for column in ("what", "value", "unit", "bar", "", "s"):
        table.add_column(column)
    for row in rows:
        value = row.error if row.value is None else f"{row.value:.3g}"
        bar = f"<= {row.at_most:g}" if row.at_most is not None else ""
        bar = f">= {row.at_least:g}" if row.at_least is not None else bar
        verdict = {True: "met", False: "MISSED", None: ""}[row.passed]
        table.add_row(row.what, value, row.unit, bar, verdict, f"{row.seconds:.1f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default, choices=["cpu", "cuda"])
    parser.add_argument("--tiny", action="store_true", help="small sizes, to try it on a CPU")
    parser.add_argument("--seconds", type=float, default=1.0, help="of timing, each")
    parser.add_argument("--most-seconds", type=float, default=420, help="after which no row begins")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args()
    bench = Bench(options.device, TINY if options.tiny else Sizes(), options.seconds)
    ceilings = {
        name: stopwatch.ceilings(bench.sizes.matrix)
        for name, stopwatch in (("float32", bench.single), ("bf16", bench.mixed))
    }
    rows = []
    for row in measure(bench, options.most_seconds):
        rows.append(row)
        print(f"{row.what}: {row.error or row.value}", flush=True)  # so that a kill loses little
    gpu = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    facts = {"device": gpu, "torch": torch.__version__, "ceilings": ceilings}
    options.out.mkdir(parents=True, exist_ok=True)
    result = {**facts, "rows": [{**asdict(row), "passed": row.passed} for row in rows]}
    (options.out / f"gpu_{options.device}.json").write_text(json.dumps(result, indent=2) + "\n")
    console = Console(width=120)
    console.print(f"{gpu}, torch {torch.__version__}; " + "; ".join(
        f"{name}: {rate['flops'] / 1e12:.3g} TFLOP/s" for name, rate in ceilings.items()
    ))  # fmt: skip
    show(rows, console)
    sys.exit(any(row.passed is False for row in rows))


if __name__ == "__main__":
    main()
