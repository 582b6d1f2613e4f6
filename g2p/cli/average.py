"""`g2p average RUN RUN ...`: the test R2 of a seed ensemble, runs that differ in their seed alone.

Averages the runs' predictions of the test strains and compares the test R2 of this mean with that
of a single run: the gain of training several times and averaging the predictions.
"""

import argparse
from pathlib import Path
from statistics import fmean

from rich.table import Column, Table

from g2p.cli.command import run_command
from g2p.core.console import Console
from g2p.runs.directory import RunDirectory, unverified_line
from g2p.runs.seed_ensemble import average


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="g2p average", description=(__doc__ or "").partition("\n\n")[2]
    )
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="a run's directory; at least two"
    )
    folders = parser.parse_args().runs
    run_command(lambda: Console().print(table(folders)))


def table(folders: list[Path]) -> Table:
    """Return test R2 by phenotype: of one run (mean over the runs), of the ensemble, and the gain.

    Raises:
        RunError: if the runs cannot be averaged.
    """
    directories = [RunDirectory(folder) for folder in folders]
    result = average(directories)
    if line := unverified_line(directories):
        Console().print(line, soft_wrap=True)
    table = Table(
        "phenotype",
        *(Column(name, justify="right") for name in ("one run (mean)", "ensemble", "gain")),
        title=f"test R2 of {len(folders)} seeds",
    )
    mean = {key: fmean(r2[key] for r2 in result.values()) for key in ("alone", "together")}
    for name, r2 in [*result.items(), ("mean", mean)][: None if len(result) > 1 else 1]:
        gain = r2["together"] - r2["alone"]
        table.add_row(name, f"{r2['alone']:z.3f}", f"{r2['together']:z.3f}", f"{gain:+z.3f}")
    return table
