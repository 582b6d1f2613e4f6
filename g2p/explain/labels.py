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
    """Return the middle and the label of each chromosome that has room for one.

    None where there are more than `MOST_CHROMOSOMES`.

    Args:
        bounds: name, first and last position of each chromosome along an axis.
        inches: of the axis.
    """
    if len(bounds) > MOST_CHROMOSOMES:
        return [], []
    an_inch = (bounds[-1][2] - bounds[0][1]) / inches
    middle: list[float] = []
    names: list[str] = []
    for name, first, last in bounds:
        text, at = short_chromosome(name), (first + last) / 2
        room = SPACE + CHARACTER * (len(text) + len(names[-1] if names else "")) / 2
        if not names or at - middle[-1] >= an_inch * room:
            middle.append(at)
            names.append(text)
    return middle, names
