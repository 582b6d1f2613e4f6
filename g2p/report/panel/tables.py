"""Tables of a panel: its contents and its phenotypes."""

from collections.abc import Mapping

import numpy as np
from rich import box
from rich.table import Column, Table
from rich.text import Text

from g2p.core.phrases import listed
from g2p.data.panel import Panel
from g2p.report.panel.genotype_stats import Calls, Relatedness, moments
from g2p.report.panel.ld_decay import Decay


def panel_table(
    source: str, panel: Panel, called: Calls, linked: Decay | None, related: Relatedness | None
) -> Table:
    """Return the table of what holds for all phenotypes: sizes, genotypes, linkage, relatedness.

    `linked` is None where too few distances are known, which the table says; `related` is None for
    one strain or no variation, and then has no row.
    """
    table = Table(title=f"data={source}", show_header=False)
    chromosomes = list(dict.fromkeys(panel.loci["chromosome"].to_pylist()))
    n_strains, n_loci = panel.genotypes.shape
    for name, value in (
        ("strains", f"{n_strains:,}"),
        ("loci", f"{n_loci:,}"),
        ("chromosomes", f"{len(chromosomes)}: {listed(chromosomes, 4)}"),
        ("phenotypes", f"{len(panel.phenotype_names)}"),
        ("standard errors", _with_errors(panel)),
        ("other names", listed(f"{a} = {n}" for a, n in panel.aliases.items())),
        ("strain columns", listed(panel.strain_table.column_names if panel.strain_table else [])),
    ):
        if value:
            table.add_row(name, value)
    table.add_section()
    table.add_row("missing genotypes", Text(_missing(called)))
    minor = called.minor
    rare = f"median {np.median(minor):.3f}\nbelow 0.05 at {(minor < 0.05).sum():,} loci"
    one = f", one allele only at {(minor == 0).sum():,}" if (minor == 0).any() else ""
    table.add_row("rarer allele", Text(rare + one if len(minor) else "no genotype is called"))
    if linked is None:
        table.add_row("mean r2", "too few loci with a known distance")
    else:
        table.add_row(Text(f"mean r2\n({linked.strains:,} strains)"), Text(_linkage(linked)))
    if related is not None:
        closest = related.pairs.max()
        table.add_row(
            Text(f"relatedness\n({len(related.rows):,} strains, {related.loci:,} loci)"),
            Text(
                f"sd {related.pairs.std():.3f}, closest pair {closest:.2f}\n"
                f"first axis {related.first_axis:.1%} of the genomic variance"
            ),
        )
    return table


def _with_errors(panel: Panel) -> str:
    """Return the phenotypes whose standard errors are known."""
    if panel.standard_errors is None:
        return ""
    has_error = np.isfinite(panel.standard_errors).any(axis=0)
    return listed(panel.phenotype_names[p] for p in np.flatnonzero(has_error))


def _missing(called: Calls) -> str:
    share = called.missing_by_strain.mean()
    if share == 0:
        return "none"
    return (
        f"{share:.2%}\nat most {called.missing_by_locus.max():.1%} at a locus, "
        f"{called.missing_by_strain.max():.1%} in a strain"
    )


def _linkage(linked: Decay) -> str:
    """Format r2 at 1, 10, 100 and 1,000 kb, where pairs exist, and between chromosomes."""
    lines = [
        f"{r2:.3f} at {round(distance / 1000):,} kb"
        for distance, r2 in zip(linked.distance, linked.r2, strict=True)
        if np.isclose(distance, [1e3, 1e4, 1e5, 1e6]).any()
    ]
    if np.isfinite(linked.between):
        lines.append(f"{linked.between:.3f} between chromosomes")
    return "\n".join(lines)


def phenotype_table(
    names: list[str], values: np.ndarray, h2: Mapping[str, tuple[float, float]],
    ceiling: Mapping[str, float],
) -> Table:  # fmt: skip
    """Return the table with a row for each phenotype; `h2` are estimates with standard errors."""
    ceilings = any(name in ceiling for name in names)
    headings = ["n", "missing", "mean", "sd", "min", "max", "h2", *["ceiling"] * ceilings]
    # Narrow: nine columns fit into 80 characters beside a name of 16.
    table = Table(
        Column("phenotype", overflow="fold"),
        *(Column(heading, justify="right", no_wrap=True) for heading in headings),
        title="phenotypes", padding=(0, 1), collapse_padding=True, box=box.SIMPLE_HEAD,
    )  # fmt: skip
    for name, column in zip(names, values.T, strict=True):
        n = int(np.isfinite(column).sum())
        cells = [_number(value) for value in moments(column).values()]
        highest = [_share(ceiling.get(name, np.nan))] * ceilings
        table.add_row(
            name, f"{n:,}", f"{1 - n / len(column):.1%}", *cells, _share(*h2[name]), *highest
        )
    return table


def _share(value: float, error: float = np.nan) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.2f}" if np.isnan(error) else f"{value:.2f} ±{error:.2f}"


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3g}"
