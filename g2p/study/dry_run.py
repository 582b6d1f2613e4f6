"""The plan of a study: its runs, which of them are done, and what the others will cost."""

from rich.table import Table

from g2p.core.console import Console
from g2p.core.phrases import plural
from g2p.study.cost import Cost, cost, flops_per_second
from g2p.study.expand import StudyRun


def show_plan(runs: list[StudyRun], states: list[str], console: Console) -> None:
    """Print a row for each run, and their sums; `states` are their statuses."""
    costs = [
        cost(run.config, n_loci=run.n_loci, n_phenotypes=len(run.phenotypes), n_train=run.n_train)
        for run in runs
    ]
    speed = flops_per_second(runs[0].config.trainer.accelerator)
    table = Table(title=plural(len(runs), "run"))
    factors = list(dict.fromkeys(key for run in runs for key in run.factors))
    for name in factors:
        table.add_column(name.rpartition(".")[2], overflow="fold")  # a table has 80 columns
    table.add_column("status", no_wrap=True)
    for name in ("parameters", "MiB", "TFLOP", "minutes"):
        table.add_column(name, justify="right", no_wrap=True)
    for run, state, each in zip(runs, states, costs, strict=True):
        table.add_row(*(str(run.factors.get(k, "")) for k in factors), state, *_cells(each, speed))
    remaining = [each for each, state in zip(costs, states, strict=True) if state != "done"]
    total = Cost(
        parameters=sum(each.parameters for each in remaining),
        memory=max((each.memory for each in remaining), default=0),
        flops=sum(each.flops for each in remaining),
    )
    table.add_section()
    table.add_row("remaining", *[""] * len(factors), *_cells(total, speed))
    console.print(table)
    basis = "unknown, since this machine has no CUDA device." if speed is None else (
        f"all epochs, one run after another, at {speed / 1e12:.2g} TFLOP/s, a fifth of the speed "
        "of a matrix product on this machine."
    )  # fmt: skip
    console.print(
        "Memory: parameters and activations of the largest run. Baselines are not counted. "
        f"Time: {basis}",
        soft_wrap=True,
    )


def _cells(each: Cost, speed: float | None) -> tuple[str, str, str, str]:
    return (
        f"{each.parameters:,}",
        f"{each.memory / 2**20:,.0f}",
        f"{each.flops / 1e12:,.3f}",
        "" if speed is None else f"{each.flops / speed / 60:,.1f}",
    )
