"""The plan of a study: its runs, which of them are done, and what the others will cost."""

import os
from collections import Counter
from collections.abc import Sequence

from rich.table import Column, Table

from g2p.core.console import Console
from g2p.core.phrases import plural
from g2p.launch.prepare import runs_at_once
from g2p.study.cost import Cost, cost
from g2p.study.ledger import format_counts
from g2p.study.locus_counts import LocusCounts
from g2p.study.resolved_study import ResolvedStudy
from g2p.study.run_time import run_seconds
from g2p.study.sizes import run_sizes
from g2p.study.training_time import use_threads

NUMBERS = ("parameters", "MiB", "TFLOP", "minutes")
MOST_WIDTH = 10_000  # of a table that need not fit


def plan(resolved: ResolvedStudy, console: Console) -> None:
    """Print a row for each run of a study, their sums, and how many have each status."""
    runs, _ = resolved.needed_runs()
    states = [resolved.state(run) for run in runs]
    at_once = runs_at_once(resolved.overrides)
    use_threads(at_once)
    loci = LocusCounts()
    sizes = [run_sizes(run, loci) for run in runs]
    costs = [cost(run.config, each) for run, each in zip(runs, sizes, strict=True)]
    seconds = [run_seconds(run.config, each) for run, each in zip(runs, sizes, strict=True)]
    factors = list(dict.fromkeys(key for run in runs for key in run.factors))
    names = [key.rpartition(".")[2] for key in factors]
    values = [[str(run.factors.get(key, "")) for key in factors] for run in runs]
    cells = [
        [state, *_cells(each, time)]
        for state, each, time in zip(states, costs, seconds, strict=True)
    ]
    open_runs = [number for number, state in enumerate(states) if state != "done"]
    total = Cost(
        parameters=sum(costs[number].parameters for number in open_runs),
        memory=max((costs[number].memory for number in open_runs), default=0),
        flops=sum(costs[number].flops for number in open_runs),
    )
    remaining = [seconds[number] for number in open_runs]
    estimates = [time for time in remaining if time is not None]
    total_seconds = sum(estimates) if len(estimates) == len(remaining) else None
    sums = ["", *_cells(total, total_seconds)]
    table = _table(names, values, cells, sums)
    everywhere = console.options.update(max_width=MOST_WIDTH)
    if console.measure(table, options=everywhere).maximum > console.width:  # one column for all
        joined = [[", ".join(filter(None, row))] for row in values]
        table = _table([", ".join(names)], joined, cells, sums)
    console.print(table)
    console.print(
        "Parameters, memory (parameters and activations of the largest run) and arithmetic are of "
        "networks. "
        f"Time: {_basis(total_seconds, at_once)}",
        soft_wrap=True,
    )
    console.print(f"{format_counts(Counter(states))}.")


def _table(
    names: Sequence[str], values: Sequence[Sequence[str]], cells: Sequence[Sequence[str]],
    sums: Sequence[str],
) -> Table:  # fmt: skip
    """Return a row for each run: values of its factors, then status and costs; below, the sums."""
    table = Table(
        *(Column(name, overflow="fold") for name in names),
        Column("status", no_wrap=True),
        *(Column(name, justify="right", no_wrap=True) for name in NUMBERS),
        title=plural(len(values), "run"),
    )
    for factors, numbers in zip(values, cells, strict=True):
        table.add_row(*factors, *numbers)
    table.add_section()
    table.add_row("remaining", *[""] * (len(names) - 1), *sums)
    return table


def _basis(seconds: float | None, runs_at_once: int) -> str:
    """A sentence on what the minutes are of, and how long the whole takes."""
    if seconds is None:
        return "unknown, since this machine has no CUDA device, or a model needs its data."
    at_once = min(runs_at_once, os.cpu_count() or 1)
    hours = f"{seconds / at_once / 3600:.1f} hours"
    several = f", {hours} with {at_once} at once" if at_once > 1 else ""
    return (
        f"updates, and small fits of closed forms, timed on this machine as it is now; all "
        f"epochs; one run after another {seconds / 3600:.1f} hours{several}."
    )


def _cells(each: Cost, seconds: float | None) -> Sequence[str]:
    return (
        f"{each.parameters:,}",
        f"{each.memory / 2**20:,.0f}",
        f"{each.flops / 1e12:,.3f}",
        "" if seconds is None else f"{seconds / 60:,.1f}",
    )
