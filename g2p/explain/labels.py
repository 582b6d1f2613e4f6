"""How loci and chromosomes are written in figures and tables."""

import pandas as pd

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
