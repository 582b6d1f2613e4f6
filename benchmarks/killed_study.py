"""A study of 60 runs, killed ten times: `python -m benchmarks.killed_study [--seed N]`.

The study is trained undisturbed, then again in another folder, where SIGKILL ends its process
group at random moments: while it starts, while it trains, while results.parquet is written and
while the report is. After each the same command is run again. In the end both tables must be
equal, seconds, memory and energy aside. Exits 1 where they are not. Takes three minutes. Writes
killed_study.json.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.study_command import command_environment, study_command
from benchmarks.training_run import RESULTS
from g2p.core.atomic_files import DRAFT
from g2p.data.sources.yeast import OTHERS, TEMPERATURES

MEASURED = ("seconds", "peak_memory", "energy")  # never the same twice
STUDY = {
    "question": "Does a study survive?",
    "set": {
        "data.strains": 300, "data.loci": 24, "trainer.max_epochs": 2, "trainer.accelerator": "cpu",
    },
    "factors": {
        "model": {
            "ridge": {"model": "ridge"},
            "rijal": {"model": "rijal_attention", "optim": "adam"},
            "transformer": {
                "model": "transformer", "model.num_layers": 1, "model.embedding_dim": 16,
                "model.num_heads": 2, "model.ffn_dim": 32,
            },
        }
    },
    # Ridge is one run for both seeds: 12 + 24 + 24 runs.
    "phenotypes": [*TEMPERATURES, *OTHERS[:5]],
    "seeds": [0, 1],
    "compare": [["ridge", "rijal"], ["rijal", "transformer"]],
    "sizes": {"smoke": {}},
}  # fmt: skip
RUNS = 60
TRAINING = 6
MOMENTS = ["startup", *["training"] * 3, "startup", *["training"] * 3, "results", "report"]


class Attempt:
    """The command once, in a new process group."""

    def __init__(self, command: list[str], folder: Path):
        self.study = folder / "studies" / "killed-smoke"
        self.runs = folder / "runs"
        with (folder / "output.txt").open("a") as output:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=output, stderr=output, start_new_session=True,
                env=command_environment(),
            )  # fmt: skip

    def wait_for(self, moment: str, moments: random.Random) -> None:
        """Wait until the moment, or the end of the command."""
        if moment == "startup":
            return self.sleep(moments.uniform(0, 4))
        if moment == "training":
            target = self.finished() + moments.randint(1, RUNS // (TRAINING + 2))
            self.until(lambda: self.finished() >= target)
            return self.sleep(moments.uniform(0, 1.5))
        if moment == "results":
            return self.until(lambda: any(self.study.glob(f".results.parquet*{DRAFT}")))
        self.until(lambda: any(self.study.glob("figures/*")))
        return self.sleep(moments.uniform(0, 1))

    def until(self, condition) -> None:
        while not condition() and self.process.poll() is None:
            time.sleep(0.0005)

    def sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() > end)

    def finished(self) -> int:
        return len(list(self.runs.glob("*/metrics.json")))

    def kill(self) -> bool:
        """Kill the command; return whether it was still running."""
        alive = self.process.poll() is None
        if alive:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        return alive


def table_of(folder: Path) -> pa.Table:
    table = pq.read_table(folder / "studies" / "killed-smoke" / "results.parquet")
    return table.drop_columns([name for name in MEASURED if name in table.column_names])


def run_to_end(command: list[str], folder: Path) -> None:
    if code := Attempt(command, folder).process.wait():
        print((folder / "output.txt").read_text(), file=sys.stderr)
        raise SystemExit(f"the study ended with exit code {code}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="of the moments; random by default")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    parser.add_argument("--scratch", type=Path, help="folder for temporary files")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    moments = random.Random(seed)
    console = Console()
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        command = [
            *study_command(Path(scratch) / "yaml", "killed", STUDY),
            "size=smoke",
            "logger=none",
        ]
        undisturbed, killed = Path(scratch) / "undisturbed", Path(scratch) / "killed"
        undisturbed.mkdir(), killed.mkdir()
        run_to_end(command, undisturbed)
        kills = []
        for moment in MOMENTS:
            attempt = Attempt(command, killed)
            started = time.monotonic()
            attempt.wait_for(moment, moments)
            seconds = time.monotonic() - started
            kill = {
                "during": moment, "after seconds": round(seconds, 3), "killed": attempt.kill(),
                "runs done": attempt.finished(),
            }  # fmt: skip
            kills.append(kill)
            console.print(kill)
        run_to_end(command, killed)
        tables = table_of(undisturbed), table_of(killed)
        result = {
            "seed": seed,
            "kills": kills,
            "runs": len(set(tables[0]["signature"].to_pylist())),
            "rows": tables[0].num_rows,
            "all done": set(tables[1]["status"].to_pylist()) == {"done"},
            "equal": tables[0].equals(tables[1]),
            "drafts left": sorted(str(f.relative_to(killed)) for f in killed.rglob(f".*{DRAFT}")),
        }
    options.out.mkdir(exist_ok=True)
    (options.out / "killed_study.json").write_text(json.dumps(result, indent=2) + "\n")
    console.print(result)
    passed = result["equal"] and result["all done"] and result["runs"] == RUNS
    sys.exit(0 if passed and all(kill["killed"] for kill in kills) else 1)


if __name__ == "__main__":
    main()
