"""An explanation, opened: its tables and facts, for use from Python."""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from g2p.core.atomic_files import read_json
from g2p.core.errors import RunError
from g2p.explain.options import ExplainOptions
from g2p.runs.directory import RunDirectory

if TYPE_CHECKING:
    import pandas as pd


FOLDER = "explain"  # in the run's directory
# Increase when the same options would give other tables.
VERSION = 1


def stored_explanation(directory: RunDirectory, options: ExplainOptions) -> "Explanation | None":
    """Return the explanation of a run with these options, if it has one that is whole."""
    explanation = Explanation(directory.folder / FOLDER)
    facts = read_json(explanation.folder / "explain.json") or {}
    if facts.get("version") == VERSION and facts.get("options") == asdict(options):
        return explanation
    return None


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a run's model found. Files are read when they are first asked for.

    Attributes:
        folder: `explain` in the run's directory.
    """

    folder: Path

    def __repr__(self) -> str:
        return f"<g2p explanation of {self.facts['model']}, {self.folder}>"

    def loaded(self) -> "Explanation":
        """Read all files now: another explanation of the run will replace them."""
        tables = ("effects", "interactions", "triples", "variance", "attention")
        for name in (*tables, "truth", "facts"):
            getattr(self, name)
        return self

    @cached_property
    def effects(self) -> "pd.DataFrame":
        """A row a phenotype and locus; see `g2p.explain.effects.effects_table`."""
        return self._table("effects")

    @cached_property
    def interactions(self) -> "pd.DataFrame":
        """A row a phenotype and pair; see `g2p.explain.interactions.interactions_table`."""
        return self._table("interactions")

    @cached_property
    def triples(self) -> "pd.DataFrame":
        """A row a phenotype and set of three loci; see `g2p.explain.third_order`."""
        return self._table("triples")

    @cached_property
    def variance(self) -> "pd.DataFrame":
        """Shares of variance: phenotype, of (prediction or phenotype), component, share."""
        return self._table("variance")

    @cached_property
    def attention(self) -> "pd.DataFrame | None":
        """Mean attention: layer, locus_a, locus_b, weight; None of a model without attention."""
        return self._table("attention") if (self.folder / "attention.parquet").exists() else None

    @cached_property
    def truth(self) -> dict | None:
        """`recall` and `fdr` of the claims, where the panel knows the truth."""
        return self._json("truth") if (self.folder / "truth.json").exists() else None

    @cached_property
    def facts(self) -> dict:
        """What was explained, with which options, on which strains, and how it compares."""
        return self._json("explain")

    def _table(self, name: str) -> "pd.DataFrame":
        import pandas as pd

        try:
            return pd.read_parquet(self.folder / f"{name}.parquet")
        except FileNotFoundError as error:
            raise RunError(f"{error.filename} is gone; g2p explain writes it again.") from None

    def _json(self, name: str) -> dict:
        try:
            return json.loads((self.folder / f"{name}.json").read_text())
        except FileNotFoundError as error:
            raise RunError(f"{error.filename} is gone; g2p explain writes it again.") from None
