"""Effects as a table: to write, to read and to print."""

from collections.abc import Sequence
from math import isnan, nan
from typing import Any

import pyarrow as pa
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from g2p.core.console import Console, visible
from g2p.core.grouping import group_by
from g2p.core.phrases import plural
from g2p.stats.compare import Effect
from g2p.stats.comparison import Comparison, text_of

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
    ("within", pa.string()),  # a factor, where one level of it is compared
    ("level", pa.string()),
    ("trend", pa.list_(pa.string())),  # the values of a trend, in order; empty for a pair
    ("test", pa.string()),
    ("unit", pa.string()),
    ("detectable", pa.float64()),
    ("splits", pa.int64()),
    ("test_share", pa.float64()),
    ("p_by_phenotype", pa.map_(pa.string(), pa.float64())),
])  # fmt: skip


MOST_NAMES = 3  # of comparisons with the same caution
NUMBERS = tuple(field.name for field in SCHEMA if pa.types.is_floating(field.type))
MAPS = ("by_phenotype", "p_by_phenotype")


def effects_table(effects: Sequence[Effect]) -> pa.Table:
    """Return one row for each effect; NaN becomes null."""
    rows = []
    for effect in effects:
        c = effect.comparison
        row = {
            "arm": c.arm, "a": text_of(c.a), "b": text_of(c.b), "by": list(c.by),
            "within": c.within, "level": text_of(c.level) if c.within else None,
            "trend": list(map(text_of, c.trend)),
        }  # fmt: skip
        row |= {name: list(getattr(effect, name).items()) for name in MAPS}
        row |= {name: getattr(effect, name) for name in SCHEMA.names if name not in row}
        rows.append({k: None if isinstance(v, float) and isnan(v) else v for k, v in row.items()})
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def effects_of(table: pa.Table) -> list[Effect]:
    """Return the effects of such a table; arms' values are read as text."""
    effects = []
    for row in table.to_pylist():
        comparison = Comparison(
            row["arm"], row["a"], row["b"], tuple(row["by"]), row["within"], row["level"],
            tuple(row["trend"]),
        )  # fmt: skip
        values: dict[str, Any] = {
            name: row[name] for name in Effect.__dataclass_fields__ if name in row
        }
        values |= {name: nan for name in NUMBERS if row[name] is None}
        values |= {name: dict(row[name]) for name in MAPS}
        effects.append(Effect(comparison=comparison, **values))
    return effects


def print_effects(effects: Sequence[Effect], console: Console) -> None:
    """Print a row for each effect; below, how they were tested and the cautions.

    Columns that would say the same in each row are left out, since names need the room.
    """
    factors = {effect.comparison.arm for effect in effects}
    folds = any(not isnan(effect.detectable) for effect in effects)
    several = any(effect.phenotypes > 1 for effect in effects)
    seeds = {effect.seeds for effect in effects}
    headings = ["change", "interval", *["detectable"] * folds, "p (Holm)", *["up/down"] * several]
    headings += ["seeds"] * (len(seeds) > 1)
    of_seeds = f"; {plural(seeds.pop(), 'seed')}" if len(seeds) == 1 else ""
    table = Table(
        Column(next(iter(factors)) if len(factors) == 1 else "comparison", overflow="fold"),
        *(Column(heading, justify="right", no_wrap=True) for heading in headings),
        title=f"change in test R2, with its 95% confidence interval{of_seeds}",
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    settings = group_by(effects, lambda effect: effect.comparison.setting)
    if len(settings) == 1 or len(factors) > 1 or "" in settings:
        settings = {"": effects}  # each title has its own
    for setting, of_setting in settings.items():
        if setting:
            table.add_section()
            table.add_row(Text(visible(setting), "bold"))
        for effect in of_setting:
            detectable = "" if isnan(effect.detectable) else f"{effect.detectable:.4f}"
            table.add_row(
                effect.comparison.pair(" to ")
                if setting
                else effect_title(effect, effects, " to "),
                _signed(effect.mean),
                "" if isnan(effect.low) else f"{_signed(effect.low)} {_signed(effect.high)}",
                *[detectable] * folds,
                "" if isnan(effect.p_holm) else f"{effect.p_holm:.2g} {effect.stars:3}",
                *[f"{effect.wins}/{effect.losses}"] * several,
                *[str(effect.seeds)] * (not of_seeds),
            )
    console.print(table)
    for line in [*method_notes(effects), *_cautions(effects)]:
        console.print(line, soft_wrap=not console.is_terminal)  # a log file has whole lines


def method_notes(effects: Sequence[Effect]) -> list[str]:
    """Return how the effects were tested and what a pair is, a line for each test and unit."""
    tested = [effect for effect in effects if effect.pairs]
    notes = []
    for name in ("test", "unit"):
        texts = [getattr(effect, name) for effect in tested]
        for text in dict.fromkeys(texts):
            n = texts.count(text)
            notes.append(text if n == len(texts) else f"{n} of {len(texts)} comparisons: {text}")
    if any(effect.comparison.trend for effect in tested):
        notes.append(
            "A trend is the change in R2 from its first value to its last along the least squares "
            "line on their ranks."
        )
    if any(not isnan(effect.detectable) for effect in tested):
        notes.append("Detectable: the smallest change that would have had p = 0.05 before Holm.")
    return notes


def _cautions(effects: Sequence[Effect]) -> list[str]:
    """Return cautions and left-out pairs, with all comparisons that share them."""
    names: dict[str, list[str]] = {}
    for effect in effects:
        notes = [effect.warning] if effect.warning else []
        if effect.left_out:
            notes.append(f"Left out: {plural(effect.left_out, 'incomplete pair')} of runs.")
        if notes:
            named = names.setdefault(" ".join(notes), [])
            named.append(effect_title(effect, effects, " to "))
    return [
        f"{'; '.join(of) if len(of) <= MOST_NAMES else f'{len(of)} comparisons'}: {note}"
        for note, of in names.items()
    ]


def effect_title(effect: Effect, beside: Sequence[Effect], to: str = " → ") -> str:
    """Return a comparison's title, with its factor where the effects are of several factors."""
    several = len({other.comparison.arm for other in beside}) > 1
    return f"{effect.comparison.arm + ': ' if several else ''}{effect.comparison.title(to)}"


def _signed(difference: float) -> str:
    return "" if isnan(difference) else f"{difference:+z.4f}"
