"""What the framework costs each run of a multirun: `python -m benchmarks.overhead [--runs N]`.

Runs of ridge and of a small transformer (one epoch), with W&B offline as it is by default. From the
seconds of each command are taken those of its runs' training, as metrics.json has them:

    in one process   (train.py -m of N runs less train.py -m of one) / (N - 1): a run more
    of its own       train.py of one run, imports included

Takes two minutes. Writes overhead.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.trained import RESULTS

TRAIN = Path(__file__).parent.parent / "train.py"
PANEL = ("data.strains=300", "data.loci=24")
KINDS = {
    "ridge": ("model=ridge", "phenotype={}"),
    "transformer": (
        "model=transformer", "phenotype={}", "trainer=cpu", "trainer.max_epochs=1",
        "model.num_layers=1", "model.embedding_dim=16", "model.num_heads=2", "model.ffn_dim=32",
    ),
}  # fmt: skip
# As many different runs of ridge, too, whose seed is none.
PHENOTYPES = ("23C", "25C", "27C", "30C", "33C", "35C", "37C", "cu", "suloc", "ynb", "eth", "gu")


def overhead(folder: Path, *words: str) -> float:
    """Seconds of a command beyond the training of the runs that it leaves."""
    folder.mkdir()
    # The panel and the cache are there, as from the second run on.
    told = (*words, *PANEL, f"paths.cache={folder.parent / 'cache'}")
    environment = {**os.environ, "WANDB_MODE": "offline"}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(TRAIN), *told], cwd=folder, env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(done.stderr)
    runs = list(folder.glob("runs/*/metrics.json"))
    return seconds - sum(json.loads(file.read_text())["seconds"] for file in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=len(PHENOTYPES), choices=range(2, 13))
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_args()
    result = {}
    with tempfile.TemporaryDirectory() as scratch:
        for kind, (model, phenotype, *more) in KINDS.items():
            folder = Path(scratch) / kind
            folder.mkdir()

            def command(name: str, n: int, *, folder=folder, told=(model, *more), key=phenotype):
                some = key.format(",".join(PHENOTYPES[:n]))
                return overhead(folder / name, *(["-m"] if n > 1 else []), some, *told)

            command("warm", 1)
            one, many = command("one", 1), command("many", options.runs)
            result[kind] = {
                "runs": options.runs,
                "seconds a run in one process": (many - one) / (options.runs - 1),
                "seconds of a job of its own": one,
            }
    options.out.mkdir(exist_ok=True)
    (options.out / "overhead.json").write_text(json.dumps(result, indent=2) + "\n")
    table = Table(title="seconds beyond training, W&B offline")
    for heading in ("model", "a run more in one process", "a job of its own"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for kind, own in result.items():
        _, *seconds = own.values()
        table.add_row(kind, *(f"{value:.2f}" for value in seconds))
    Console().print(table)


if __name__ == "__main__":
    main()
