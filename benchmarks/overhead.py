"""What the framework costs each run of a multirun: `python -m benchmarks.overhead [--runs N]`.

Runs of ridge and of a small transformer (one epoch), of one phenotype each and of all eighteen,
with W&B offline as it is by default. The seconds of training, as metrics.json has them, are
subtracted from each command's:

    in one process   (train.py -m of N runs less train.py -m of one) / (N - 1): a run more
    of its own       train.py of one run, imports included

and the same for the seconds of the processors, training among them, which are more reliable
on a shared machine. Takes three minutes. Writes overhead.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.training_run import RESULTS

TRAIN = Path(__file__).parent.parent / "train.py"
PANEL = ("data.strains=300", "data.loci=24")
# As many different runs of ridge, too, which has no seed.
PHENOTYPES = ("23C", "25C", "27C", "30C", "33C", "35C", "37C", "cu", "suloc", "ynb", "eth", "gu")
SMALL = (
    "model=transformer", "trainer=cpu", "trainer.max_epochs=1", "model.num_layers=1",
    "model.embedding_dim=16", "model.num_heads=2", "model.ffn_dim=32",
)  # fmt: skip
# The key that differs between the runs, its values, and the overrides of all runs.
KINDS = {
    "ridge": ("phenotype", PHENOTYPES, ("model=ridge",)),
    "transformer": ("phenotype", PHENOTYPES, SMALL),
    "transformer of 18 phenotypes": ("seed", tuple(map(str, range(12))), SMALL),
}


def overhead(folder: Path, *overrides: str) -> np.ndarray:
    """Return a command's seconds beyond its runs' training, and its processor seconds."""
    folder.mkdir()
    # The panel is cached, as from the second run on.
    arguments = (*overrides, *PANEL, f"paths.cache={folder.parent / 'cache'}")
    environment = {**os.environ, "WANDB_MODE": "offline"}
    started, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [sys.executable, str(TRAIN), *arguments], cwd=folder, env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    seconds, after = time.perf_counter() - started, os.times()
    if done.returncode:
        raise SystemExit(done.stderr)
    runs = list(folder.glob("runs/*/metrics.json"))
    busy = after.children_user + after.children_system
    return np.array([
        seconds - sum(json.loads(file.read_text())["seconds"] for file in runs),
        busy - before.children_user - before.children_system,
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=len(PHENOTYPES), choices=range(2, 13))
    parser.add_argument("--models", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args()
    result = {}
    with tempfile.TemporaryDirectory() as scratch:
        for kind in options.models:
            key, values, shared = KINDS[kind]
            folder = Path(scratch) / kind
            folder.mkdir()

            def command(name: str, n: int, *, folder=folder, key=key, values=values, shared=shared):
                varying = f"{key}={','.join(values[:n])}"
                return overhead(folder / name, *(["-m"] if n > 1 else []), varying, *shared)

            command("warm", 1)
            one, many = command("one", 1), command("many", options.runs)
            additional = (many - one) / (options.runs - 1)
            result[kind] = {
                "runs": options.runs,
                "seconds a run in one process": additional[0],
                "seconds of a job of its own": one[0],
                "processor seconds a run in one process": additional[1],
                "processor seconds of a job of its own": one[1],
            }
    options.out.mkdir(exist_ok=True)
    (options.out / "overhead.json").write_text(json.dumps(result, indent=2) + "\n")
    table = Table(title="seconds beyond training, W&B offline")
    headings = ("a run more", "a job of its own", "a run more, processors", "a job, processors")
    for heading in ("model", *headings):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for kind, measured in result.items():
        _, *seconds = measured.values()
        table.add_row(kind, *(f"{value:.2f}" for value in seconds))
    Console().print(table)


if __name__ == "__main__":
    main()
