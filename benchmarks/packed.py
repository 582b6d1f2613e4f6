"""Runs trained at once against the same runs one after another: `python -m benchmarks.packed`.

    step      seconds of a member's step, validation included, of the training loops themselves: of
              a run alone, and of members stacked as one model
    multirun  wall clock of whole runs: composed, prepared, trained, scored and written, without
              figures, W&B and imports

The strategies run one after another, in one process. The speed-up of the strategy that the packed
launcher chooses is measured in each round; its median is reported. Writes packed_DEVICE.json.
"""

import argparse
import contextlib
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from g2p.cli.training_job import TrainingJob
from g2p.config.compose import compose_config
from g2p.data.sources.yeast import OTHERS, TEMPERATURES
from g2p.hardware.device import device_name
from g2p.launch.hydra_launch import launch
from g2p.runs import execute as training
from g2p.runs.resolve import resolve_run
from g2p.runs.run import open_run
from g2p.training.fit import FitRequest, fit_model
from g2p.training.packed.fit import fit_packed, measure_capacity

RESULTS = Path(__file__).parent / "results"
ENVIRONMENTS = (*TEMPERATURES, *OTHERS)
RIJAL = ("model=rijal_attention", "optim=adam")
# Model, loci, most members on a CPU, strains: fewer where a step takes long.
STEPS = (
    (RIJAL, 16, 18, 1500), (RIJAL, 64, 18, 1500), (RIJAL, 128, 18, 800), (RIJAL, 256, 18, 400),
    (RIJAL, 1164, 3, 300), (("model=transformer",), 64, 18, 400),
)  # fmt: skip


def member_overrides(folder: Path, member: int, *overrides: str) -> list[str]:
    """Return a member's overrides: a phenotype each, then further seeds."""
    phenotype = ENVIRONMENTS[member % len(ENVIRONMENTS)]
    seed = member // len(ENVIRONMENTS)
    paths = (f"paths.runs={folder / 'runs'}", f"paths.cache={folder.parent / 'cache'}")
    return [f"phenotype={phenotype}", f"seed={seed}", "logger=none", *paths, *overrides]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    sink = io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        yield


def make_requests(folder: Path, members: int, overrides: tuple[str, ...]) -> list[FitRequest]:
    """Return the fits that the runs request, each with a separate folder."""
    requests = []
    for member in range(members):
        config = compose_config(member_overrides(folder, member, *overrides))
        console = Console(file=io.StringIO())
        with open_run(config, resolve_run(config), None, console) as run:
            request = run.request._replace(folder=folder / str(member), on_epoch=lambda rows: None)
        requests.append(request)
    return requests


def seconds_of_step(strategy: str, folder: Path, members: int, overrides: tuple[str, ...]) -> float:
    """Return the seconds of one member's step with validation, without the first epoch."""
    with quiet():
        requests = make_requests(folder, members, overrides)
        if strategy == "solo":
            fits = [fit_model(*request) for request in requests]
        else:
            fits = [result for _, result in fit_packed(requests)]
    batch = requests[0].config.trainer.batch_size
    steps = -(-len(requests[0].data.split["train"]) // batch)
    spent = sum(row["seconds"] for done in fits for row in done.rows[1:])
    return spent / sum(steps * (len(done.rows) - 1) for done in fits)


def seconds_of_multirun(
    strategy: str, folder: Path, members: int, overrides: tuple[str, ...]
) -> float:
    """Return the seconds of the launcher's whole call, as `train.py -m` makes it."""
    training.draw_run = lambda record, metrics: []
    launcher = {"solo": "basic", "packed": "packed"}[strategy]
    started = time.perf_counter()
    with quiet():
        jobs = [member_overrides(folder, member, *overrides) for member in range(members)]
        launch(TrainingJob(), jobs, [f"hydra/launcher={launcher}"])
    return time.perf_counter() - started


def compare_strategies(
    measure: Callable[..., float], strategies: Sequence[str], chosen: str, rounds: int,
    members: int, overrides: tuple[str, ...],
) -> dict:  # fmt: skip
    """Return the seconds of each strategy, and how many times as fast as solo the chosen one is."""
    times, peaks = {strategy: [] for strategy in strategies}, {}
    for _ in range(rounds):
        for strategy, seconds in times.items():
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch) / strategy
                folder.mkdir()
                if torch.cuda.is_available():
                    torch.cuda.reset_peak_memory_stats()
                seconds.append(measure(strategy, folder, members, overrides))
                if torch.cuda.is_available():
                    peaks[f"{strategy}, bytes"] = torch.cuda.max_memory_allocated()
    ratios = (solo / other for solo, other in zip(times["solo"], times[chosen], strict=True))
    medians = {strategy: statistics.median(seconds) for strategy, seconds in times.items()}
    ratio = statistics.median(ratios)
    return {"members": members, **medians, **peaks, "chosen": chosen, "ratio": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--most-loci", type=int, default=1164, help="skip models with more loci")
    parser.add_argument("--members", type=int, default=18, help="at most")
    parser.add_argument("--accelerator", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--bf16", action="store_true", help="autocast the forward pass")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args()
    precision = "bf16-mixed" if options.bf16 else "32-true"
    on = (f"trainer.accelerator={options.accelerator}", f"trainer.precision={precision}")
    rows = []
    for model, loci, most, strains in STEPS:
        if loci > options.most_loci:
            continue
        members = options.members
        if options.accelerator == "cpu":
            members = min(members, most)
        overrides = (*model, f"data.loci={loci}", f"data.strains={strains}", *on,
                 f"trainer.max_epochs={options.epochs}")  # fmt: skip
        with tempfile.TemporaryDirectory() as scratch, quiet():
            capacity = measure_capacity(make_requests(Path(scratch), 1, overrides)[0])
        chosen = "as one" if capacity > 1 else "solo"
        strategies = ("solo", "as one")
        measured = compare_strategies(
            seconds_of_step, strategies, chosen, options.rounds, members, overrides
        )
        rows.append({"what": f"step, {model[0]}", "loci": loci, **measured, "room": capacity})
    overrides = (*RIJAL, "data.loci=64", "data.strains=500", "trainer.max_epochs=5", *on)
    measured = compare_strategies(
        seconds_of_multirun,
        ("solo", "packed"),
        "packed",
        options.rounds,
        options.members,
        overrides,
    )
    rows.append({"what": "multirun of 5 epochs", "loci": 64, **measured})

    table = Table(title="runs trained at once against one after another")
    columns = ("solo", "as one", "packed")
    for column in (
        "what",
        "members",
        "loci",
        *(f"{strategy}, ms" for strategy in columns),
        "times as fast",
    ):
        table.add_column(column, justify="right")
    for row in rows:
        seconds = (f"{1e3 * row[name]:.1f}" if name in row else "" for name in columns)
        ratio = f"{row['ratio']:.2f} ({row['chosen']})"
        table.add_row(row["what"], str(row["members"]), str(row["loci"]), *seconds, ratio)
    facts = {
        "device": device_name(options.accelerator), "precision": precision,
        "torch": torch.__version__, "threads": torch.get_num_threads(),
    }  # fmt: skip
    options.out.mkdir(exist_ok=True)
    (options.out / f"packed_{options.accelerator}.json").write_text(
        json.dumps({**facts, "rows": rows}, indent=2) + "\n"
    )
    Console().print(table)


if __name__ == "__main__":
    main()
