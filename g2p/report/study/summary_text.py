"""A study's result in a few plain sentences."""

from collections.abc import Sequence

from g2p.core.errors import UserError, listed, plural
from g2p.report.study.figures import effect_title
from g2p.report.study.results_view import StudyData, is_number
from g2p.stats.cautions import ALPHA
from g2p.stats.compare import Comparison, Effect, compare


def summary(data: StudyData, effects: Sequence[Effect]) -> list[str]:
    """Paragraphs: how far the study is, which arm is best and by how much, what steps change."""
    parts = [_progress(data.counts), _best(data, effects), _steps(effects)]
    return [part for part in parts if part]


def _progress(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    if counts["done"] == total:
        return f"All {total:,} runs are done." if total != 1 else "The one run is done."
    told = [f"{n:,} {state}" for state, n in counts.items() if n]
    return f"{total:,} runs: {', '.join(told)}. What follows is from those that are done."


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
    (best, highest), *others = data.means.items()
    if not others:
        return f"{data.arm}={best} reaches a mean test R2 of {highest:z.4f} {over}."
    second, lower = others[0]
    text = (
        f"The best of {len(data.means)} arms is {data.arm}={best}, with a mean test R2 of "
        f"{highest:z.4f} {over}. Next is {second} with {lower:z.4f}, {highest - lower:z.4f} less"
    )
    return f"{text}{_sureness(data, effects, second, best)}"


def _sureness(data: StudyData, effects: Sequence[Effect], second: str, best: str) -> str:
    """How sure the best arm's lead over the second is."""
    effect, up = _lead(data, effects, second, best)
    if effect is None or not is_number(effect.low):
        return "; there are too few pairs of runs for an interval."
    low, high = (effect.low, effect.high) if up else (-effect.high, -effect.low)
    agree = listed(["phenotype", "seed", *effect.comparison.by])
    lead = f"; paired by {agree}, the lead's 95% interval is {low:+z.4f} to {high:+z.4f}"
    if low > 0 and effect.p > ALPHA:
        return (
            f"{lead}. It excludes zero and p is {effect.p:.2g} all the same: so few pairs make it "
            "too narrow. Go by p: these two cannot be told apart."
        )
    if low <= 0:
        return f"{lead}, which includes zero: these two cannot be told apart."
    return f"{lead}. (The best was picked by these numbers, which flatters it a little.)"


def _lead(
    data: StudyData, effects: Sequence[Effect], second: str, best: str
) -> tuple[Effect | None, bool]:
    """The effect between two arms over all their runs, and whether it is that of `best`.

    None where no pairs can be made.
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
    values = data.values
    question = Comparison(data.arm, values[second], values[best], tuple(data.varying))
    try:
        return compare(data.table, [question])[0], True
    except UserError:  # runs that nothing in the table tells apart
        return None, True


def _steps(effects: Sequence[Effect]) -> str:
    known = [effect for effect in effects if is_number(effect.mean)]
    if not known:
        return ""
    sure = [effect for effect in known if effect.stars]
    up = [effect_title(e, known) for e in sure if e.mean > 0]
    down = [effect_title(e, known) for e in sure if e.mean < 0]
    n = len(known)
    text = f"Of {plural(n, 'comparison')}, {len(sure)} {'is' if len(sure) == 1 else 'are'} "
    text += "significant after Holm's correction"
    told = [f"up: {'; '.join(up)}"] * bool(up) + [f"down: {'; '.join(down)}"] * bool(down)
    return f"{text} ({'. '.join(told)})." if told else f"{text}."
