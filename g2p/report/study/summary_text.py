"""A study's result in a few plain sentences."""

from collections.abc import Sequence

from g2p.core.errors import G2PError
from g2p.core.phrases import listed, plural
from g2p.report.study.results_view import StudyData, is_number
from g2p.stats.cautions import ALPHA
from g2p.stats.compare import Comparison, Effect, compare
from g2p.stats.effects_table import effect_title


def summary(data: StudyData, effects: Sequence[Effect]) -> list[str]:
    """Return paragraphs: the study's progress, the best arm and its lead, the effects of steps."""
    parts = [_progress(data.counts), _best(data, effects), _steps(effects)]
    return [part for part in parts if part]


def _progress(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    if counts["done"] == total:
        return f"All {total:,} runs are done." if total != 1 else "The only run is done."
    numbers = [f"{n:,} {state}" for state, n in counts.items() if n]
    return f"{total:,} runs: {', '.join(numbers)}. Results below are of the finished ones."


def _best(data: StudyData, effects: Sequence[Effect]) -> str:
    if not data.rows:
        return "There is no result yet."
    if not data.means:
        return "No phenotype has a result in every arm yet, so arms cannot be ranked."
    n = len(data.compared)
    over = f"over {n} phenotypes" if n > 1 else f"on {data.compared[0]}"
    if n < len(data.phenotypes):
        over += (
            f" that every arm has{data.so_far}" if n > 1 else f", which every arm has{data.so_far}"
        )
    over += f", over all values of {listed(data.settings)}" if data.settings else ""
    (best, highest), *rest = data.means.items()
    if not rest:
        return f"{data.arm}={best} reaches a mean test R2 of {highest:z.4f} {over}."
    second, lower = rest[0]
    text = (
        f"The best of {len(data.means)} arms is {data.arm}={best}, with a mean test R2 of "
        f"{highest:z.4f} {over}. Next is {second} with {lower:z.4f}, {highest - lower:z.4f} less"
    )
    return f"{text}{_certainty(data, effects, second, best)}"


def _certainty(data: StudyData, effects: Sequence[Effect], second: str, best: str) -> str:
    """A clause on the certainty of the best arm's lead over the second."""
    effect, up = _lead(data, effects, second, best)
    if effect is None and data.settings:
        return "; which is ahead may differ between these values."
    if effect is None or not is_number(effect.low):
        return "; there are too few pairs of runs for an interval."
    low, high = (effect.low, effect.high) if up else (-effect.high, -effect.low)
    agree = listed(["phenotype", "seed", *effect.comparison.by])
    lead = f"; paired by {agree}, the lead's 95% interval is {low:+z.4f} to {high:+z.4f}"
    if low > 0 and effect.p > ALPHA:
        return (
            f"{lead}. It excludes zero, but p is {effect.p:.2g}: with so few pairs the interval is "
            "too narrow. By p, these two do not differ significantly."
        )
    if low <= 0:
        return f"{lead}, which includes zero: these two do not differ significantly."
    return f"{lead}. (The best was chosen by these numbers, so they slightly overstate its lead.)"


def _lead(
    data: StudyData, effects: Sequence[Effect], second: str, best: str
) -> tuple[Effect | None, bool]:
    """The effect between two arms over all their runs, and whether it is that of `best`.

    None where no pairs can be made, or where runs of an arm differ in settings and the study does
    not compare arms over all of these.
    """
    for effect in effects:
        c = effect.comparison
        pooled = c.within is None and not c.trend  # as the means of arms are
        if (
            pooled
            and c.arm == data.arm
            and not effect.left_out
            and {str(c.a), str(c.b)} == {second, best}
        ):
            return effect, str(c.b) == best
    if data.settings:
        return None, True
    values = data.values
    question = Comparison(data.arm, values[second], values[best], tuple(data.varying))
    try:
        return compare(data.table, [question])[0], True
    except G2PError:  # runs that no column distinguishes
        return None, True


def _steps(effects: Sequence[Effect]) -> str:
    tested = [effect for effect in effects if is_number(effect.mean)]
    if not tested:
        return ""
    sure = [effect for effect in tested if effect.stars]
    up = [effect_title(e, tested) for e in sure if e.mean > 0]
    down = [effect_title(e, tested) for e in sure if e.mean < 0]
    n = len(tested)
    text = f"Of {plural(n, 'comparison')}, {len(sure)} {'is' if len(sure) == 1 else 'are'} "
    text += "significant after Holm's correction"
    lists = [f"up: {'; '.join(up)}"] * bool(up) + [f"down: {'; '.join(down)}"] * bool(down)
    return f"{text} ({'. '.join(lists)})." if lists else f"{text}."
