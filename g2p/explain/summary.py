"""What an explanation found, as tables of the terminal."""

import pandas as pd
from rich import box
from rich.table import Column, Table

from g2p.core.console import Console
from g2p.core.phrases import plural
from g2p.explain.explanation import Explanation
from g2p.explain.hubs import hub_table
from g2p.explain.labels import locus_labels
from g2p.explain.pair_tests import SMALLEST

STRONGEST = 10  # loci, pairs and hubs that are listed


def print_summary(explanation: Explanation) -> None:
    """Print the strongest loci, the claimed pairs, variance, and how they compare."""
    console = Console()
    labels = locus_labels(explanation.effects)
    console.print(_effects(explanation, labels))
    tested, claimed = _counts(explanation)
    if claimed:
        console.print(_pairs(explanation, labels))
    elif tested:
        console.print(f"The test strains confirm none of {plural(tested, 'proposed pair')}.")
    else:
        console.print("The model proposes no interaction of two loci.")
    if explanation.variance["share"].notna().any():
        console.print(_variance(explanation))
    else:
        console.print("Shares of variance need three test strains for each locus and each pair.")
    for line in _lines(explanation):
        console.print(line, soft_wrap=True)


def _effects(explanation: Explanation, labels: dict[str, str]) -> Table:
    several = explanation.effects["phenotype"].nunique() > 1
    has_refits = bool(explanation.effects["se"].notna().any())
    by_gene = "gene" in explanation.effects
    rows = explanation.effects.sort_values("variance_share", ascending=False, kind="stable")
    texts = (*["phenotype"] * several, "locus", *["at"] * by_gene)
    numbers = ("effect", "se", *["se, refits"] * has_refits, "variance")
    table = Table(
        *(Column(heading, overflow="fold") for heading in texts),
        *(Column(heading, justify="right") for heading in numbers),
        title=f"strongest of {len(rows):,} effects, f(+) - f(-)", box=box.SIMPLE,
    )  # fmt: skip
    for row in rows.head(STRONGEST).to_dict("records"):
        table.add_row(
            *[row["phenotype"]] * several, labels[row["locus"]],
            *[f"{row['chromosome']}:{row['position']:,}"] * by_gene, f"{row['effect']:z.3g}",
            _text(row["se_background"], ".2g"), *[_text(row["se"], ".2g")] * has_refits,
            f"{row['variance_share']:.1%}",
        )  # fmt: skip
    return table


def _counts(explanation: Explanation) -> tuple[int, int]:
    """Return how many pairs were tested, and how many of these are claimed."""
    pairs = explanation.interactions
    return int(pairs["p"].notna().sum()), int(pairs["claimed"].sum())


def _pairs(explanation: Explanation, labels: dict[str, str]) -> Table:
    pairs = explanation.interactions
    several = pairs["phenotype"].nunique() > 1
    tested, claimed = _counts(explanation)
    rows = pairs[pairs["claimed"]].sort_values("variance_share", ascending=False, kind="stable")
    table = Table(
        *(Column(name, overflow="fold") for name in (*["phenotype"] * several, "locus", "locus")),
        *(Column(name, justify="right") for name in ("effect", "se", "variance", "q")),
        title=f"{claimed} of {tested} tested pairs claimed", box=box.SIMPLE,
    )  # fmt: skip
    for row in rows.head(STRONGEST).to_dict("records"):
        table.add_row(
            *[row["phenotype"]] * several, labels[row["locus_a"]], labels[row["locus_b"]],
            f"{row['effect']:z.3g}", _text(row["se_background"], ".2g"),
            f"{row['variance_share']:.2%}", f"{row['q']:.1g}",
        )  # fmt: skip
    return table


def _variance(explanation: Explanation) -> Table:
    shares = explanation.variance.pivot_table(
        index="of", columns="component", values="share", aggfunc="mean", dropna=False
    )
    n = explanation.variance["phenotype"].nunique()
    title = f"share of variance{f', mean of {n} phenotypes' if n > 1 else ''}"
    components = ("additive", "pairwise", "higher")
    numbers = (Column(component, justify="right") for component in components)
    table = Table("of the", *numbers, title=title, box=box.SIMPLE)
    for of, row in shares.iterrows():
        table.add_row(str(of), *(_text(row.get(name), ".1%") for name in components))
    return table


def _lines(explanation: Explanation) -> list[str]:
    facts = explanation.facts
    lines = [f"A flip is {facts['flip']}; {plural(len(facts['background']), 'strain')}."]
    if facts["loci_flipped_with_others"]:
        lines.append(
            f"{facts['loci_flipped_with_others']} loci are flipped together with those linked."
        )
    if facts["tests_given"]:
        lines.append(f"Pairs are tested given {'; '.join(facts['tests_given'])}.")
    strongest = hub_table(explanation).head(5)
    if len(strongest) and strongest["all_pairs"].max() > SMALLEST:
        lines.append(f"Loci with the strongest interactions: {', '.join(strongest['label'])}.")
    for phenotype, row in facts["published"].items():
        if row["correlation"] is not None:
            lines.append(
                f"{phenotype}: the effects of {row['loci']} loci correlate at "
                f"{row['correlation']:z.3f} with published ones; of those that are not 0 "
                f"{row['same_sign']:.0%} have the same sign."
            )
    for layer, rank in facts.get("attention", {}).items():
        lines.append(f"Layer {layer}: rank correlation of attention and interaction {rank:z.2f}.")
    if truth := explanation.truth:
        recall = "none is large enough to count" if truth["recall"] is None else (
            f"{truth['found']} of {truth['true_pairs']} found (recall {truth['recall']:.2f})"
        )  # fmt: skip
        lines.append(
            f"True pairs: {recall}; {truth['false_claims']} of {truth['claims']} claims are false "
            f"(fdr {truth['fdr']:.2f})."
        )
    return lines


def _text(value: float | None, form: str) -> str:
    return "" if value is None or pd.isna(value) else format(value, form)
