"""The section of effects in a study's report: what each step changes, and how it was tested."""

from collections.abc import Sequence

from g2p.report.study.limits import MOST_NAMES, cut_rows, more
from g2p.report.study.page import Block, Paragraph, Table
from g2p.report.study.results_view import is_number, number_text
from g2p.stats.compare import Effect
from g2p.stats.effects_table import effect_title, method_notes


def effects_section(effects: Sequence[Effect]) -> list[Block]:
    """Return the table of effects, in their order, and notes on it."""
    if not effects:
        return []
    rows = [
        [
            effect_title(e, effects),
            number_text(e.mean, "+z.4f"),
            f"{e.low:+z.4f} to {e.high:+z.4f}" if is_number(e.low) else "–",
            number_text(e.p, ".2g"),
            f"{e.p_holm:.2g} {e.stars}" if is_number(e.p_holm) else "–",
            f"{e.wins} / {e.losses}" + (f" / {e.ties}" if e.ties else ""),
            str(len(e.by_phenotype)),
            str(e.seeds),
            str(e.left_out),
            number_text(e.detectable, "z.4f"),
        ]
        for e in effects
    ]
    columns = ["comparison", "change in R2", "95% interval", "p", "p (Holm)", "up / down",
               "phenotypes", "seeds", "pairs left out", "detectable"]  # fmt: skip
    note = "Up / down: phenotypes where the second arm is better / worse" + (
        " / neither." if any(e.ties for e in effects) else "."
    )
    notes = [note, *method_notes(effects)]
    table = Table("effects", columns, cut_rows(rows), numbers=range(1, 10))
    return [table, *map(Paragraph, notes)]


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
