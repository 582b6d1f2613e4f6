"""Runs trained together against the same runs one after another: `python -m benchmarks.packed`.

    step      seconds of a member's step, validation included, of the training loops themselves: of
              a run alone, of members stacked as one model, of members in turn
    multirun  wall clock of whole runs: composed, prepared, trained, scored and written, without
              figures, W&B and imports

Each way after the other, in one process; how many times as fast as alone the way is that the packed
launcher takes is told round by round, and its median. Writes packed_DEVICE.json.
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

from g2p.cli.train import job
from g2p.config.compose import compose_config
from g2p.data.sources.yeast import OTHERS, TEMPERATURES
from g2p.hardware.device import device_name
from g2p.launch.hydra_launch import launch
from g2p.runs import execute as training
from g2p.runs.run import obtain_steps
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


def words_of(folder: Path, member: int, *words: str) -> list[str]:
    """A member's overrides: a phenotype each, then further seeds."""
    phenotype = ENVIRONMENTS[member % len(ENVIRONMENTS)]
    seed = member // len(ENVIRONMENTS)
    where = (f"paths.runs={folder / 'runs'}", f"paths.cache={folder.parent / 'cache'}")
    return [f"phenotype={phenotype}", f"seed={seed}", "logger=none", *where, *words]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    sink = io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        yield


def requests(folder: Path, members: int, words: tuple[str, ...]) -> list[FitRequest]:
    """What the runs would ask to be fitted, each with a folder of its own."""
    asked = []
    for member in range(members):
        run = obtain_steps(
            compose_config(words_of(folder, member, *words)), None, Console(file=io.StringIO())
        )
        request = next(run)
        run.close()
        asked.append(request._replace(folder=folder / str(member), on_epoch=lambda rows: None))
    return asked


def seconds_of_step(way: str, folder: Path, members: int, words: tuple[str, ...]) -> float:
    """Of one member, validation included; the first epoch, which warms up, is left out."""
    with quiet():
        asked = requests(folder, members, words)
        if way == "solo":
            fits = [fit_model(*request) for request in asked]
        else:
            fits = [result for _, result in fit_packed(asked, stacked=way == "as one")]
    batch = asked[0].config["trainer"]["batch_size"]
    steps = -(-len(asked[0].data.split["train"]) // batch)
    spent = sum(row["seconds"] for done in fits for row in done.rows[1:])
    return spent / sum(steps * (len(done.rows) - 1) for done in fits)


def seconds_of_multirun(way: str, folder: Path, members: int, words: tuple[str, ...]) -> float:
    """Of the launcher's whole call, as `train.py -m` makes it."""
    training.draw_run = lambda record, metrics: []
    launcher = {"solo": "basic", "packed": "packed"}[way]
    started = time.perf_counter()
    with quiet():
        jobs = [words_of(folder, member, *words) for member in range(members)]
        launch(job, jobs, [f"hydra/launcher={launcher}"])
    return time.perf_counter() - started


def compared(
    measure: Callable[..., float], ways: Sequence[str], chosen: str, rounds: int, members: int,
    words: tuple[str, ...],
) -> dict:  # fmt: skip
    """Seconds of each way, and how many times as fast as alone the chosen one is."""
    times, peaks = {way: [] for way in ways}, {}
    for _ in range(rounds):
        for way, found in times.items():
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch) / way
                folder.mkdir()
                if torch.cuda.is_available():
                    torch.cuda.reset_peak_memory_stats()
                found.append(measure(way, folder, members, words))
                if torch.cuda.is_available():
                    peaks[f"{way}, bytes"] = torch.cuda.max_memory_allocated()
    ratios = (alone / own for alone, own in zip(times["solo"], times[chosen], strict=True))
    seconds = {way: statistics.median(found) for way, found in times.items()}
    ratio = statistics.median(ratios)
    return {"members": members, **seconds, **peaks, "chosen": chosen, "ratio": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--most-loci", type=int, default=1164, help="leave out what has more")
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
        words = (*model, f"data.loci={loci}", f"data.strains={strains}", *on,
                 f"trainer.max_epochs={options.epochs}")  # fmt: skip
        with tempfile.TemporaryDirectory() as scratch, quiet():
            places, stacked = measure_capacity(requests(Path(scratch), 1, words)[0])
        chosen = "as one" if stacked else "in turn"
        ways = ("solo", "as one", "in turn")
        found = compared(seconds_of_step, ways, chosen, options.rounds, members, words)
        rows.append({"what": f"step, {model[0]}", "loci": loci, **found, "room": places})
    words = (*RIJAL, "data.loci=64", "data.strains=500", "trainer.max_epochs=5", *on)
    ways = ("solo", "packed")
    found = compared(seconds_of_multirun, ways, "packed", options.rounds, options.members, words)
    rows.append({"what": "multirun of 5 epochs", "loci": 64, **found})

    table = Table(title="trained together against one after another")
    columns = ("solo", "as one", "in turn", "packed")
    for column in ("what", "members", "loci", *(f"{way}, ms" for way in columns), "times as fast"):
        table.add_column(column, justify="right")
    for row in rows:
        seconds = (f"{1e3 * row[way]:.1f}" if way in row else "" for way in columns)
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
