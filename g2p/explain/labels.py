"""How loci and chromosomes are written in figures and tables."""

from collections.abc import Sequence

import pandas as pd

CHARACTER, SPACE = 0.08, 0.06  # inches that labels take, and that lie between two
MOST_CHROMOSOMES = 30  # that are named on an axis


def locus_labels(effects: pd.DataFrame) -> dict[str, str]:
    """Return a label for each locus: its gene where it is known, else its name; each once."""
    rows = effects.drop_duplicates("locus")
    genes = rows["gene"] if "gene" in rows else pd.Series([None] * len(rows))
    shared = set(genes[genes.duplicated()].dropna())
    return {
        locus: f"{gene} ({locus})" if gene in shared else (gene or locus)
        for locus, gene in zip(rows["locus"], genes, strict=True)
    }


def short_chromosome(chromosome: str) -> str:
    """A chromosome without the word: chr01 is 1."""
    plain = chromosome.removeprefix("chromosome").removeprefix("chr").lstrip("0_ ")
    return plain or chromosome


def chromosome_ticks(
    bounds: Sequence[tuple[str, float, float]], inches: float
) -> tuple[list[float], list[str]]:
    """Return the middle and the label of each chromosome; neighbours too short for two share one.

    None where there are more than `MOST_CHROMOSOMES`.

    Args:
        bounds: name, first and last position of each chromosome along an axis.
        inches: of the axis.
    """
    if len(bounds) > MOST_CHROMOSOMES:
        return [], []
    an_inch = (bounds[-1][2] - bounds[0][1]) / inches
    ticks: list[tuple[float, str]] = []
    for name, first, last in bounds:
        middle, text = (first + last) / 2, short_chromosome(name)
        while ticks and middle - ticks[-1][0] < an_inch * _least(ticks[-1][1], text):
            middle, text = (middle + ticks[-1][0]) / 2, f"{ticks.pop()[1]},{text}"
        ticks.append((middle, text))
    return [middle for middle, _ in ticks], [text for _, text in ticks]


def _least(one: str, other: str) -> float:
    """The inches between the middles of two labels beside each other."""
    return CHARACTER * (len(one) + len(other)) / 2 + SPACE
