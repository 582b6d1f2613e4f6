"""The test of one comparison: what it takes as independent, and what follows from that.

Runs on one split: the test strains are the same in every pair, so nothing is said about others.
Phenotypes are the units or, of a single phenotype, its pairs of runs; each could as well have its
other sign if the arms were alike (`sign_flip`), and the interval is a bootstrap of both levels.

Runs on several splits of one panel (folds): their training sets overlap, so they are no independent
units; the mean over phenotypes of each split is one value, and these are tested with the corrected
resampled t-test. Phenotypes share their strains, which makes them dependent: the mean over them is
one number a split, however they depend, and what is tested is what is shown. p for one phenotype is
that of the same test of its values alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from statistics import fmean

import numpy as np

from g2p.stats.comparison import Comparison
from g2p.stats.pairing import Pairs
from g2p.stats.resampling import corrected_t, interval, sign_flip, smallest_p

BOOTSTRAP = "Interval: bootstrap of phenotypes and of their pairs."


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean difference over phenotypes: what it is of, its interval and its test.

    Attributes:
        by_phenotype: the mean over pairs, for each phenotype with any.
        low: of the 95% confidence interval: by hierarchical bootstrap (phenotypes, then pairs
            within them), NaN for a single pair; over folds, that of the corrected t-test.
        high: of the same.
        p: of the test; NaN where it cannot be done.
        left_out: pairs that are not used.
        test: its name and what it assumes.
        unit: what it takes as independent, and what a pair is.
        detectable: the smallest mean difference that would have had p = 0.05; NaN where the test
            has no such number.
        p_by_phenotype: p of each alone, of a test over splits.
        splits: different ones among the pairs.
        test_share: test strains for each training strain, over splits; else NaN.
    """

    by_phenotype: Mapping[str, float]
    low: float
    high: float
    p: float
    left_out: int = 0
    test: str = ""
    unit: str = ""
    detectable: float = nan
    p_by_phenotype: Mapping[str, float] = field(default_factory=dict)
    splits: int = 1
    test_share: float = nan


@dataclass(frozen=True, kw_only=True)
class Inference(Estimate):
    """What is inferred from the pairs of one comparison.

    Attributes:
        left_out: complete pairs that are not used, since other phenotypes have none of that split.
        smallest_p: that the design can give, whatever the data.
        units: how many independent values the test has.
    """

    smallest_p: float
    units: int


def infer(comparison: Comparison, pairs: Pairs) -> Inference:
    """Return the test of a comparison from its pairs."""
    return (_over_splits if pairs.resampled else _on_one_split)(comparison, pairs)


def describe_pair(comparison: Comparison) -> str:
    """Return the sentence that says which runs a pair compares."""
    agree = ["phenotype", "seed", *comparison.by]
    runs = (
        f"{len(comparison.trend)} runs, one at each {comparison.arm},"
        if comparison.trend
        else "two runs"
    )
    return f"A pair is {runs} that agree in {', '.join(agree)}."


def _on_one_split(comparison: Comparison, pairs: Pairs) -> Inference:
    means = {name: fmean(values) for name, values in pairs.differences.items()}
    if len(means) == 1:
        values = next(iter(pairs.differences.values()))
        unit, units = "a pair of the one phenotype", "pairs"
    else:
        values = list(means.values())
        unit, units = "a phenotype, by the mean over its pairs", "phenotypes"
    low, high = interval(list(pairs.differences.values()), joint=pairs.joint)
    return Inference(
        by_phenotype=means,
        low=low,
        high=high,
        p=sign_flip(values),
        smallest_p=smallest_p(len(values)),
        units=len(values),
        unit=f"Unit: {unit}. {describe_pair(comparison)}",
        test=f"Sign-flip test over {units}: assumes that they are independent and, if the arms "
        "are equal, equally likely to have either sign. No panel is split twice, so p is about "
        f"these test strains, not about others. {BOOTSTRAP}",
        splits=min(1, pairs.total),
    )


def _over_splits(comparison: Comparison, pairs: Pairs) -> Inference:
    by_split = {name: _means_by_split(pairs, name) for name in pairs.differences}
    splits = dict.fromkeys(split for values in by_split.values() for split in values)
    complete = [split for split in splits if all(split in values for values in by_split.values())]
    values = np.array([[by_split[name][s] for s in complete] for name in by_split])  # (P, k)
    used = sum(split in complete for each in pairs.splits.values() for split in each)
    # Of the phenotype with the most correlated splits; not known where any phenotype's is not.
    share = float(np.max(list(pairs.test_share.values())))
    test = corrected_t(values.mean(axis=0), share)
    p_by_phenotype = {
        name: corrected_t(differences, pairs.test_share[name]).p
        for name, differences in zip(by_split, values, strict=True)
    }
    unit = "the mean over phenotypes on one split" if len(by_split) > 1 else "one split"
    k = len(complete)
    return Inference(
        by_phenotype=dict(zip(by_split, values.mean(axis=1).tolist(), strict=True)) if k else {},
        low=test.low,
        high=test.high,
        p=test.p,
        smallest_p=0.0 if k > 1 else nan,
        units=k,
        unit=f"Unit: {unit} (of {k}). {describe_pair(comparison)}",
        test="Corrected resampled t-test over splits (Nadeau and Bengio 2003): assumes normal "
        "differences, correlated between splits by n_test / (n_test + n_train). "
        "About other strains of the same kind, and these phenotypes. Interval: of the same test.",
        detectable=test.detectable,
        p_by_phenotype=p_by_phenotype,
        splits=k,
        test_share=share,
        left_out=pairs.total - used,
    )


def _means_by_split(pairs: Pairs, phenotype: str) -> dict:
    """Return the mean over a phenotype's pairs on each split: seeds and other pooled factors."""
    values: dict = {}
    for split, value in zip(pairs.splits[phenotype], pairs.differences[phenotype], strict=True):
        values.setdefault(split, []).append(value)
    return {split: fmean(differences) for split, differences in values.items()}
