"""Effects as a table: to write, to read and to print."""

from collections.abc import Sequence
from math import isnan, nan

import pyarrow as pa
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from g2p.results.compare import Comparison, Effect

SCHEMA = pa.schema([
    ("arm", pa.string()),
    ("a", pa.string()),  # as text: arms may be names, numbers or switches
    ("b", pa.string()),
    ("by", pa.list_(pa.string())),
    ("mean", pa.float64()),
    ("low", pa.float64()),
    ("high", pa.float64()),
    ("p", pa.float64()),
    ("p_holm", pa.float64()),
    ("stars", pa.string()),
    ("wins", pa.int64()),
    ("losses", pa.int64()),
    ("ties", pa.int64()),
    ("phenotypes", pa.int64()),
    ("pairs", pa.int64()),
    ("seeds", pa.int64()),
    ("left_out", pa.int64()),
    ("by_phenotype", pa.map_(pa.string(), pa.float64())),
    ("warning", pa.string()),
])  # fmt: skip


def effects_table(effects: Sequence[Effect]) -> pa.Table:
    """One row for each effect; what is NaN in it is null here."""
    rows = []
    for effect in effects:
        comparison = effect.comparison
        row = {
            "arm": comparison.arm, "a": str(comparison.a), "b": str(comparison.b),
            "by": list(comparison.by), "by_phenotype": list(effect.by_phenotype.items()),
        }  # fmt: skip
        row |= {name: getattr(effect, name) for name in SCHEMA.names if name not in row}
        rows.append({k: None if isinstance(v, float) and isnan(v) else v for k, v in row.items()})
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def effects_of(table: pa.Table) -> list[Effect]:
    """The effects of such a table; the values that arms stand for come back as text."""
    effects = []
    for row in table.to_pylist():
        comparison = Comparison(row["arm"], row["a"], row["b"], tuple(row["by"]))
        known = {name: row[name] for name in Effect.__dataclass_fields__ if name in row}
        numbers = {
            name: nan for name in ("mean", "low", "high", "p", "p_holm") if row[name] is None
        }
        by_phenotype = dict(row["by_phenotype"])
        effects.append(
            Effect(**known | numbers | {"comparison": comparison, "by_phenotype": by_phenotype})
        )
    return effects


def print_effects(effects: Sequence[Effect], console: Console) -> None:
    """A row for each effect, the warnings below."""
    table = Table(title="change in test R2, with its 95% confidence interval")
    table.add_column("comparison", overflow="fold")
    for heading in ("change", "interval", "p (Holm)", "up/down", "seeds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for effect in effects:
        table.add_row(
            escape(_named(effect)),
            _signed(effect.mean),
            "" if isnan(effect.low) else f"{_signed(effect.low)} {_signed(effect.high)}",
            "" if isnan(effect.p_holm) else f"{effect.p_holm:.2g} {effect.stars:3}",
            f"{effect.wins}/{effect.losses}",
            str(effect.seeds),
        )
    console.print(table)
    for effect in effects:
        notes = [effect.warning] if effect.warning else []
        if effect.left_out:
            notes.append(f"{effect.left_out} incomplete pairs of runs are left out.")
        if notes:
            console.print(f"{_named(effect)}: {' '.join(notes)}", markup=False, highlight=False)


def _named(effect: Effect) -> str:
    comparison = effect.comparison
    return f"{comparison.arm}: {comparison.a} to {comparison.b}"


def _signed(difference: float) -> str:
    return "" if isnan(difference) else f"{difference:+.4f}"
