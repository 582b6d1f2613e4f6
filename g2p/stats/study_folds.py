"""The cross-validation in a study's results: its arms' scores over folds, and tests between them.

In: rows of finished runs on test strains. A fold is a split (`same_split`) that belongs to a round
(`same_round`) of several. Runs that repeat a fold with other seeds count as one, by their mean:
they were tested on the same strains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from statistics import fmean

from g2p.stats.comparison import Comparison, text_of
from g2p.stats.cross_validation import (
    CrossValidated,
    Difference,
    Fold,
    ScoredValues,
    compare,
    summarise,
)

# Columns of the results table that pooled R2 needs, as `ScoredValues` has them after `n`.
VALUES = ("observed_mean", "observed_variance", "squared_error")


@dataclass(frozen=True)
class Tested:
    """The difference in test R2 between configurations a and b in one phenotype, with its test.

    Attributes:
        settings: values of the other factors, in which the two agree.
    """

    phenotype: str
    settings: tuple
    a: str
    b: str
    difference: Difference


@dataclass(frozen=True)
class StudyFolds:
    """A study's cross-validation.

    Attributes:
        names: of the arm's factor, and of the other factors that tell configurations apart.
        scores: (configuration, phenotype) -> scores, a configuration being the values of `names`.
        tests: of the study's pairs of arms, within a phenotype; those of a phenotype are one family
            for Holm.
    """

    names: tuple[str, ...]
    scores: dict[tuple[tuple, str], CrossValidated]
    tests: list[Tested]


def study_folds(
    rows: Sequence[Mapping], arm: str, settings: Sequence[str], comparisons: Sequence[Comparison]
) -> StudyFolds | None:
    """Return the cross-validation of a study; None where no round has several folds.

    Args:
        rows: with `same_round`, `same_split`, `phenotype`, `r2`, `pearson`, `n`, `n_train`,
            `VALUES` and the factors.
        arm: the factor whose values are compared.
        settings: other factors that tell configurations apart; neither seeds nor folds.
        comparisons: of the study; pairs of arms are tested, trends are not.
    """
    names = (arm, *settings)
    splits: dict[object, set] = {}
    repeats: dict[tuple[tuple, str], dict[tuple, list[Mapping]]] = {}
    for row in rows:
        splits.setdefault(row["same_round"], set()).add(row["same_split"])
        configuration = tuple(text_of(row[name]) for name in names)
        by_fold = repeats.setdefault((configuration, row["phenotype"]), {})
        by_fold.setdefault((row["same_round"], row["same_split"]), []).append(row)
    if all(len(of_round) < 2 for of_round in splits.values()):
        return None
    folds = {
        key: [_fold(round_, split, each) for (round_, split), each in by_fold.items()]
        for key, by_fold in repeats.items()
    }
    scores = {key: summarise(each) for key, each in folds.items()}
    return StudyFolds(names, scores, _tests(folds, names, comparisons))


def _fold(round_: object, split: object, repeats: Sequence[Mapping]) -> Fold:
    """The mean over runs of one fold. Of pooled R2 it is the mean over the seeds' own."""

    def mean(name: str) -> float:
        values = [row[name] for row in repeats]
        return nan if None in values else fmean(values)

    values = ScoredValues(repeats[0]["n"], *map(mean, VALUES))
    return Fold(round_, split, mean("pearson"), mean("r2"), values, repeats[0]["n_train"])


def _tests(
    folds: Mapping[tuple[tuple, str], list[Fold]], names: tuple[str, ...],
    comparisons: Sequence[Comparison],
) -> list[Tested]:  # fmt: skip
    """The tests of the study's pairs at each of their settings, phenotype by phenotype."""
    results = []
    for phenotype in dict.fromkeys(name for _, name in folds):
        configurations = [each for each, name in folds if name == phenotype]
        pairs: dict[tuple[tuple, str, str], None] = {}
        for comparison in comparisons:
            if comparison.arm != names[0] or comparison.trend:
                continue
            a, b = text_of(comparison.a), text_of(comparison.b)
            for _, *values in configurations:
                settings = dict(zip(names[1:], values, strict=True))
                within = comparison.within
                elsewhere = within in settings and settings[within] != text_of(comparison.level)
                if not elsewhere and all((arm, *values) in configurations for arm in (a, b)):
                    pairs[tuple(values), a, b] = None
        differences = compare([
            (folds[(a, *values), phenotype], folds[(b, *values), phenotype])
            for values, a, b in pairs
        ])  # fmt: skip
        results += [
            Tested(phenotype, values, a, b, difference)
            for (values, a, b), difference in zip(pairs, differences, strict=True)
        ]
    return results
