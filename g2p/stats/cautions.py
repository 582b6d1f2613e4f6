"""Cautions beside the p of a comparison, in plain sentences."""

from math import isnan

from g2p.core.phrases import plural
from g2p.stats.comparison import text_of
from g2p.stats.inference import Inference
from g2p.stats.pairing import Pairs
from g2p.stats.resampling import ALPHA


def cautions(
    pairs: Pairs, result: Inference, *, p_holm: float, smallest_holm: float, comparisons: int
) -> str | None:
    """Return the caution beside a comparison's p, or None.

    Args:
        pairs: of the comparison.
        result: its test.
        p_holm: p after Holm's correction.
        smallest_holm: the smallest p that the design can give after it.
        comparisons: how many the correction counts.
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
    if pairs.resampled and isnan(result.p):
        sentences.append(_untested(result))
    elif smallest_holm > ALPHA:
        sentences.append(_without_power(pairs, result, smallest_holm, comparisons))
    elif pairs.trained_once:
        arms = " and ".join(map(text_of, pairs.trained_once))
        sentences.append(
            f"Every pair has the same run of {arms}: p says nothing about another seed."
        )
    if (result.low > 0 or result.high < 0) and p_holm > ALPHA:
        sentences.append(_disagreement(result, p_holm, comparisons))
    return " ".join(sentences) or None


def _untested(result: Inference) -> str:
    if result.units < 2:
        return (
            "No test: it needs two splits on which every phenotype has a pair, and there "
            f"{'is one' if result.units else 'is none'} so far."
        )
    return (
        "No test: the runs do not record their number of training strains (n_train), as runs of "
        "earlier versions. Train them again."
    )


def _without_power(pairs: Pairs, result: Inference, smallest_holm: float, comparisons: int) -> str:
    one_phenotype = len(pairs.differences) == 1
    design = (
        f"{plural(result.units, 'pair')} of runs of one phenotype"
        if one_phenotype
        else plural(result.units, "phenotype")
    )
    smallest = result.smallest_p
    corrected = (
        f", which is {smallest_holm:.3g} after Holm's correction over {comparisons} comparisons"
    )
    return (
        f"Cannot reach significance whatever the data: {design} can give p = {smallest:.3g} at "
        f"best{corrected if smallest <= ALPHA else ''}."
    )


def _disagreement(result: Inference, p_holm: float, comparisons: int) -> str:
    """Explain an interval that excludes 0 beside a p above 5%."""
    if result.p <= ALPHA:
        return (
            f"The interval excludes 0, but p is {p_holm:.2g}: the interval is of this comparison "
            f"alone, p is corrected for {comparisons} comparisons."
        )
    return (
        f"The interval excludes 0, but p is {result.p:.2g}: a bootstrap of so few units "
        f"({result.units}) is too narrow. Rely on p."
    )
