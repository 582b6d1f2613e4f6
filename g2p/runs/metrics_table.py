"""The table at the end of a run, from its metrics."""

from collections.abc import Mapping
from statistics import fmean

from rich.table import Column, Table

from g2p.core.console import Console
from g2p.core.formatting import format_score
from g2p.core.phrases import listed
from g2p.models.uniform_attention import is_uniform


def print_table(metrics: Mapping, console: Console) -> None:
    """Print phenotype, n, test R2 and Pearson r, with ridge and noise ceiling where stored."""
    test, ridge, ceiling = metrics["test"], metrics["ridge"], metrics["noise_ceiling"]
    columns = {"R2": test["r2"], "Pearson r": test["pearson"]}
    if covariates := metrics.get("covariates"):
        columns["covariates R2"] = covariates["r2"]
        columns["beyond them"] = covariates["r2_beyond"]
    if ridge and metrics["model"] != "ridge":
        columns["ridge R2"] = ridge["test"]["r2"]
    if ceiling:
        columns["noise ceiling"] = ceiling

    table = Table(
        "phenotype",
        *(Column(name, justify="right") for name in ("n", *columns)),
        title=f"{metrics['model']}, seed {metrics['seed']}: test strains",
    )
    for name, n in test["n"].items():
        # A noise ceiling is there of some phenotypes only.
        table.add_row(
            name, str(n), *(format_score(values.get(name)) for values in columns.values())
        )
    if len(test["n"]) > 1:
        table.add_section()
        # A mean over some phenotypes cannot be compared with a mean over all.
        means = (
            fmean(values.values()) if len(values) == len(test["n"]) else None
            for values in columns.values()
        )
        table.add_row("mean", "", *map(format_score, means))
    console.print(table)


def print_members(metrics: Mapping, console: Console) -> None:
    """Print what an ensemble gains over one of its networks."""
    alone = [each["test_r2_mean"] for each in metrics.get("members", [])]
    together = metrics["test"]["r2_mean"]
    if alone and None not in (together, *alone):
        console.print(
            f"ensemble of {len(alone)}: test R2 {together:z.3f} together, {fmean(alone):z.3f} "
            "alone on average"
        )


def print_attention(layers: list[dict], console: Console) -> None:
    """Print the entropy of each layer's attention, and a warning where it cannot matter."""
    entropies = ", ".join(f"{layer['entropy']:.2f}" for layer in layers)
    uniform = layers[0]["uniform"]
    console.print(f"attention entropy by layer: {entropies} (all loci alike: {uniform:.2f})")
    for i, layer in enumerate(layers, start=1):
        if layer["degenerate"]:
            console.print(
                f"Attention of layer {i} cannot matter: {layer['degenerate']}.", style="bold"
            )


def print_plateau(metrics: Mapping, console: Console) -> None:
    """Warn of a run that ends on its additive plateau, which more updates may leave."""
    if not metrics.get("plateau"):
        return

    r2, ridge_r2 = metrics["val"]["r2_mean"], metrics["ridge"]["val"]["r2_mean"]
    line = (
        f"warning: ends on its additive plateau: validation R2 {r2:z.3f} is no better than ridge's "
        f"{ridge_r2:z.3f}"
    )
    if uniform := [str(i) for i, each in enumerate(metrics.get("attention", []), 1)
                   if is_uniform(each)]:  # fmt: skip
        line += f", and attention is still uniform in layer {listed(uniform)}"
    console.print(
        f"{line}. More updates may leave it (trainer.max_epochs, trainer.max_updates).",
        soft_wrap=True,
    )
