"""The section of effects in a study's report: what each step changes, and how it was tested."""

from collections.abc import Sequence

from g2p.report.study.figures import effect_title
from g2p.report.study.limits import MOST_NAMES, MOST_ROWS, more
from g2p.report.study.page import Block, Paragraph, Table
from g2p.report.study.results_view import is_number
from g2p.stats.compare import Effect
from g2p.stats.effects_table import method_notes


def effects_section(effects: Sequence[Effect]) -> list[Block]:
    """Return the table of effects, in their order, and notes on it."""
    if not effects:
        return []
    rows = [
        [
            effect_title(e, effects),
            _signed(e.mean),
            f"{_signed(e.low)} to {_signed(e.high)}" if is_number(e.low) else "–",
            f"{e.p:.2g}" if is_number(e.p) else "–",
            f"{e.p_holm:.2g} {e.stars}" if is_number(e.p_holm) else "–",
            f"{e.wins} / {e.losses}" + (f" / {e.ties}" if e.ties else ""),
            str(len(e.by_phenotype)),
            str(e.seeds),
            str(e.left_out),
            f"{e.detectable:z.4f}" if is_number(e.detectable) else "–",
        ]
        for e in effects[:MOST_ROWS]
    ]
    rows += [[text, *[""] * 9] for text in more(effects, MOST_ROWS)]
    columns = ["comparison", "change in R2", "95% interval", "p", "p (Holm)", "up / down",
               "phenotypes", "seeds", "pairs left out", "detectable"]  # fmt: skip
    note = "Up / down: phenotypes where the second arm is better / worse" + (
        " / neither." if any(e.ties for e in effects) else "."
    )
    notes = [note, *method_notes(effects)]
    return [Table("effects", columns, rows, numbers=range(1, 10)), *map(Paragraph, notes)]


def shared_warnings(effects: Sequence[Effect]) -> list[str]:
    """Return the warnings of comparisons, with the names of all that share one."""
    names: dict[str, list[str]] = {}
    for effect in effects:
        if effect.warning:
            names.setdefault(effect.warning, []).append(effect_title(effect, effects))
    return [
        f"{'; '.join([*titles[:MOST_NAMES], *more(titles, MOST_NAMES)])}: {warning}"
        for warning, titles in names.items()
    ]


def _signed(value: float) -> str:
    return f"{value:+z.4f}" if is_number(value) else "–"
