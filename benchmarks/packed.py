"""Runs trained together against the same runs one after another: `python -m benchmarks.packed`.

    step      member-steps a second of the training loops themselves, by model, loci and members
    multirun  wall clock of whole runs: composed, prepared, trained, scored and written, without
              figures, W&B and imports

The two in turn, in one process; the ratio is taken round by round and its median told. Writes
packed.json.
"""

import argparse
import contextlib
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from g2p import training
from g2p.cli import job
from g2p.compose import composed
from g2p.data.simulated import OTHERS, TEMPERATURES
from g2p.fit import Request, fit
from g2p.fit_together import fit_together, room
from g2p.run import obtaining
from g2p.study.launch import launch

RESULTS = Path(__file__).parent / "results"
ENVIRONMENTS = (*TEMPERATURES, *OTHERS)
RIJAL = ("model=rijal_attention", "optim=adam")
# Model, loci, members, strains: fewer where a step takes long.
STEPS = (
    (RIJAL, 16, 18, 1500), (RIJAL, 64, 18, 1500), (RIJAL, 128, 18, 800), (RIJAL, 256, 18, 400),
    (RIJAL, 1164, 6, 300), (("model=transformer",), 64, 18, 600),
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


def requests(folder: Path, members: int, words: tuple[str, ...]) -> list[Request]:
    """What the runs would ask to be fitted, each with a folder of its own."""
    asked = []
    for member in range(members):
        run = obtaining(
            composed(words_of(folder, member, *words)), None, Console(file=io.StringIO())
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
            fits = [fit(*request) for request in asked]
        else:
            stacked = room(asked[0]).stacked
            fits = [result for _, result in fit_together(asked, stacked=stacked)]
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


def compared(measure: Callable[..., float], rounds: int, members: int, words) -> dict:
    """Seconds of both ways and how many times as fast the packed one is."""
    times = {"solo": [], "packed": []}
    for _ in range(rounds):
        for way, found in times.items():
            with tempfile.TemporaryDirectory() as scratch:
                folder = Path(scratch) / way
                folder.mkdir()
                found.append(measure(way, folder, members, words))
    ratio = statistics.median(s / p for s, p in zip(*times.values(), strict=True))
    return {way: statistics.median(found) for way, found in times.items()} | {"ratio": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--most-loci", type=int, default=1164, help="leave out what has more")
    parser.add_argument("--members", type=int, default=18, help="at most")
    parser.add_argument("--accelerator", default="cpu")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args()
    on = f"trainer.accelerator={options.accelerator}"
    table = Table(title="trained together against one after another")
    for column in ("what", "members", "loci", "solo", "packed", "times as fast", "way", "room"):
        table.add_column(column, justify="right")
    rows = []
    for model, loci, members, strains in STEPS:
        if loci > options.most_loci:
            continue
        members = min(members, options.members)
        words = (*model, f"data.loci={loci}", f"data.strains={strains}", on,
                 f"trainer.max_epochs={options.epochs}")  # fmt: skip
        found = compared(seconds_of_step, options.rounds, members, words)
        with tempfile.TemporaryDirectory() as scratch, quiet():
            most, stacked = room(requests(Path(scratch), 1, words)[0])
        rows.append({"what": f"step, {model[0]}", "members": members, "loci": loci, **found,
                     "way": "as one" if stacked else "in turn", "room": most})  # fmt: skip
    words = (*RIJAL, "data.loci=64", "data.strains=500", "trainer.max_epochs=5", on)
    members = options.members
    found = compared(seconds_of_multirun, options.rounds, members, words)
    rows.append({"what": "multirun of 5 epochs", "members": members, "loci": 64, **found})
    for row in rows:
        table.add_row(
            row["what"], str(row["members"]), str(row["loci"]), f"{1e3 * row['solo']:.1f} ms",
            f"{1e3 * row['packed']:.1f} ms", f"{row['ratio']:.2f}", row.get("way", ""),
            str(row.get("room", "")),
        )  # fmt: skip
    facts = {"torch": torch.__version__, "threads": torch.get_num_threads()}
    options.out.mkdir(exist_ok=True)
    (options.out / "packed.json").write_text(json.dumps({**facts, "rows": rows}, indent=2) + "\n")
    Console().print(table)


if __name__ == "__main__":
    main()
