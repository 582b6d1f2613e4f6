"""Are claimed pairs true? `python -m benchmarks.explain_claims [--panels N] [key=value ...]`.

Trains a model on simulated panels, each of a seed of its own, explains it, and counts what it
claims. With `data.pairs=0 data.share_pairs=0 data.triples=0 data.share_triples=0` nothing
interacts: the share of explanations that claim anything must not exceed 5%. Prints a row, and adds
it to benchmarks/results/explain_claims.csv with --keep NAME. Runs and explanations are in a
temporary folder.
"""

import argparse
import csv
import tempfile
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.progress import track
from scipy import stats

import g2p
from benchmarks.training_run import RESULTS

FILE = RESULTS / "explain_claims.csv"
FIRST_SEED = 1000  # of the panels, apart from those of tests and studies


def explained(folder: str, seed: int, overrides: list[str], strains: int) -> dict:
    """Return the truth.json of a model of one panel."""
    places = f"paths.runs={folder}/runs", f"paths.cache={folder}/cache"
    run = g2p.train(*overrides, f"data.seed={seed}", "logger=none", *places)
    truth = run.explain(strains=strains).truth
    assert truth is not None  # simulated panels know it
    return truth


def summarise(rows: list[dict]) -> dict:
    """Return shares over panels, with the 95% interval of Clopper and Pearson for the first."""
    claiming = sum(row["claims"] > 0 for row in rows)
    interval = stats.binomtest(claiming, len(rows)).proportion_ci(0.95)
    recalls = [row["recall"] for row in rows if row["recall"] is not None]
    return {
        "panels": len(rows),
        "claim_any": claiming / len(rows),
        "claim_any_low": interval.low,
        "claim_any_high": interval.high,
        "claims": sum(row["claims"] for row in rows),
        "fdr": fmean(row["fdr"] for row in rows),
        "recall": fmean(recalls) if recalls else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--panels", type=int, default=20)
    parser.add_argument("--strains", type=int, default=100, help="of the background")
    parser.add_argument("--keep", metavar="NAME", help="add the row to the results, so named")
    arguments, overrides = parser.parse_known_args()
    rows = []
    for seed in track(range(FIRST_SEED, FIRST_SEED + arguments.panels), "panels"):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(explained(folder, seed, overrides, arguments.strains))
    row = {"name": arguments.keep, "options": " ".join(overrides), **summarise(rows)}
    Console().print(row)
    if arguments.keep:
        add_row(FILE, row)


def add_row(file: Path, row: dict) -> None:
    """Add a row to a table, in place of one of the same name."""
    rows = []
    if file.exists():
        with file.open(newline="") as opened:
            rows = [each for each in csv.DictReader(opened) if each["name"] != row["name"]]
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])


if __name__ == "__main__":
    main()
