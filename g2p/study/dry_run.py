"""A study before it is trained: its runs, which are done, and what the others will take."""

from rich.table import Table

from g2p.core.console import Console
from g2p.core.errors import plural
from g2p.study.cost import Cost, cost, flops_per_second
from g2p.study.expand import StudyRun


def show_plan(runs: list[StudyRun], states: list[str], console: Console) -> None:
    """A row for each run, and their sums; `states` are their statuses."""
    costs = [
        cost(run.config, n_loci=run.n_loci, n_phenotypes=len(run.phenotypes), n_train=run.n_train)
        for run in runs
    ]
    speed = flops_per_second(runs[0].config["trainer"]["accelerator"])
    table = Table(title=plural(len(runs), "run"))
    factors = list(dict.fromkeys(key for run in runs for key in run.factors))
    for name in factors:
        table.add_column(name.rpartition(".")[2], overflow="fold")  # a table has 80 columns
    table.add_column("status", no_wrap=True)
    for name in ("parameters", "MiB", "TFLOP", "minutes"):
        table.add_column(name, justify="right", no_wrap=True)
    for run, state, each in zip(runs, states, costs, strict=True):
        table.add_row(*(str(run.factors.get(k, "")) for k in factors), state, *_cells(each, speed))
    left = [each for each, state in zip(costs, states, strict=True) if state != "done"]
    total = Cost(
        parameters=sum(each.parameters for each in left),
        memory=max((each.memory for each in left), default=0),
        flops=sum(each.flops for each in left),
    )
    table.add_section()
    table.add_row("left to train", *[""] * len(factors), *_cells(total, speed))
    console.print(table)
    told = "not known, for there is no CUDA here." if speed is None else (
        f"all epochs, one run after another, at {speed / 1e12:.2g} TFLOP/s, a fifth of a matrix "
        "product's speed here."
    )  # fmt: skip
    console.print(
        "Memory: of the largest, parameters and activations. Baselines are not counted. "
        f"Time: {told}",
        soft_wrap=True,
    )


def _cells(each: Cost, speed: float | None) -> tuple[str, str, str, str]:
    return (
        f"{each.parameters:,}",
        f"{each.memory / 2**20:,.0f}",
        f"{each.flops / 1e12:,.3f}",
        "" if speed is None else f"{each.flops / speed / 60:,.1f}",
    )
