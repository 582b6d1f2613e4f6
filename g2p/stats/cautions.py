"""Why the p of a comparison may not be taken for what it looks like, in plain sentences."""

from math import isnan

from g2p.core.errors import plural
from g2p.stats.comparison import text_of
from g2p.stats.inference import Inference
from g2p.stats.pairing import Pairs
from g2p.stats.resampling import ALPHA


def cautions(
    pairs: Pairs, found: Inference, *, p_holm: float, smallest_holm: float, comparisons: int
) -> str | None:
    """Return what to say beside a comparison's p, or None.

    Args:
        pairs: of the comparison.
        found: its test.
        p_holm: p after Holm's correction.
        smallest_holm: the smallest p that the design can give after it.
        comparisons: how many are corrected for.
    """
    if not pairs.differences:
        return "No pair of runs is complete."
    sentences = []
    if pairs.same:
        sentences.append(f"In {pairs.same} of {pairs.total} pairs both are the same run.")
    if pairs.unequal:
        sentences.append(
            f"In {pairs.unequal} of {pairs.total} pairs the runs were tested on different numbers "
            "of strains, which may be what differs."
        )
    if pairs.resampled and isnan(found.p):
        sentences.append(_untested(found))
    elif smallest_holm > ALPHA:
        sentences.append(_without_power(pairs, found, smallest_holm, comparisons))
    elif pairs.trained_once:
        arms = " and ".join(map(text_of, pairs.trained_once))
        sentences.append(
            f"Of {arms} there is one run, in every pair: p says nothing about another seed."
        )
    if (found.low > 0 or found.high < 0) and p_holm > ALPHA:
        sentences.append(_disagreement(found, p_holm, comparisons))
    return " ".join(sentences) or None


def _untested(found: Inference) -> str:
    if found.units < 2:
        return (
            "No test: it needs two splits on which every phenotype has a pair, and there "
            f"{'is one' if found.units else 'is none'} so far."
        )
    return (
        "No test: the runs do not say how many strains they learned from (n_train), as runs of "
        "before this was recorded. Train them again."
    )


def _without_power(pairs: Pairs, found: Inference, smallest_holm: float, comparisons: int) -> str:
    one = len(pairs.differences) == 1
    design = (
        f"{plural(found.units, 'pair')} of runs of one phenotype"
        if one
        else plural(found.units, "phenotype")
    )
    smallest = found.smallest_p
    corrected = (
        f", which is {smallest_holm:.3g} after Holm's correction over {comparisons} comparisons"
    )
    return (
        f"Cannot reach significance whatever the data: {design} can give p = {smallest:.3g} at "
        f"best{corrected if smallest <= ALPHA else ''}."
    )


def _disagreement(found: Inference, p_holm: float, comparisons: int) -> str:
    """An interval that excludes 0 beside a p above 5%."""
    if found.p <= ALPHA:
        return (
            f"The interval excludes 0 and p is {p_holm:.2g} all the same: the interval is of this "
            f"comparison alone, p is corrected for {comparisons}."
        )
    return (
        f"The interval excludes 0 and p is {found.p:.2g} all the same: a bootstrap of so few units "
        f"({found.units}) is too narrow. Go by p."
    )
