"""The section of failed runs in a study's report."""

from collections.abc import Sequence

from g2p.core.formatting import label
from g2p.report.study.limits import LONGEST_ERROR, MOST_ERRORS, MOST_OF_AN_ERROR, more
from g2p.report.study.page import Block, Bullets, Paragraph, Verbatim
from g2p.report.study.results_view import StudyData


def failed_runs(data: StudyData, factors: Sequence[str]) -> list[Block]:
    """Return the failed runs by their error, since one cause often makes many fail."""
    by_error: dict[str, dict[str, None]] = {}
    for run in data.runs:
        if run.status == "failed":
            names = dict.fromkeys([data.arm, *factors, "seed"])
            where = [f"{name}={label(run.facts[name])}" for name in names
                     if run.facts[name] is not None]  # fmt: skip
            if len(run.phenotypes) == 1:
                where.append(f"phenotype={run.phenotypes[0]}")
            line = f"{', '.join(where)} ({run.facts['signature'] or 'no signature yet'})"
            by_error.setdefault(run.facts["error"] or "no error recorded", {})[line] = None
    parts: list[Block] = []
    for error, runs in list(by_error.items())[:MOST_ERRORS]:
        shown = [*list(runs)[:MOST_OF_AN_ERROR], *more(runs, MOST_OF_AN_ERROR)]
        cut = error if len(error) <= LONGEST_ERROR else "… " + error[-LONGEST_ERROR:]
        parts += [Verbatim(cut), Bullets(shown)]
    return [*parts, *map(Paragraph, more(by_error, MOST_ERRORS))]
