"""The section of a report on folds: scores of each arm and phenotype, and tests between arms."""

from collections.abc import Iterable
from statistics import fmean

from g2p.core.phrases import plural
from g2p.report.study.limits import cut_rows
from g2p.report.study.page import Block, Paragraph, Table
from g2p.report.study.results_view import group_by, is_number, number_text
from g2p.stats.cross_validation import CrossValidated
from g2p.stats.study_folds import StudyFolds

SCORES_NOTE = (
    "r (Pearson's) and R2: mean ± standard error over folds. Training sets of folds overlap, so "
    "these errors are too small to compare arms by. Pooled R2: over the strains of all folds, each "
    "predicted by the fold that held it out."
)
TESTS_NOTE = (
    "Change in R2 from the first arm to the second over the folds that both have: corrected "
    "resampled t-test (Nadeau and Bengio 2003), p corrected by Holm within a phenotype. "
    "Detectable: the smallest change that would have had p = 0.05 before that."
)


def cv_section(folds: StudyFolds | None) -> list[Block]:
    """Return the tables of scores and of tests; nothing without folds."""
    if folds is None:
        return []
    return [*_scores(folds), *(_tests(folds) if folds.tests else [])]


def _scores(folds: StudyFolds) -> list[Block]:
    """A row for each phenotype and arm, then the arms' means over phenotypes, of each setting."""
    names = folds.names
    rows = []
    by_settings = group_by(folds.scores, lambda key: key[0][1:])
    for settings, keys in by_settings.items():
        by_phenotype = group_by(keys, lambda key: key[1])
        for phenotype, of_phenotype in by_phenotype.items():
            rows += [
                [phenotype, configuration[0], *settings, *_cells(folds.scores[configuration, name])]
                for configuration, name in of_phenotype
            ]
        if len(by_phenotype) > 1:
            for arm, of_arm in group_by(keys, lambda key: key[0][0]).items():
                if len(of_arm) == len(by_phenotype):  # else the mean is of other phenotypes
                    means = _means(folds.scores[key] for key in of_arm)
                    label = f"mean of {plural(len(of_arm), 'phenotype')}"
                    rows.append([label, arm, *settings, *means])
    columns = ["phenotype", *names, "folds", "Pearson r", "R2", "pooled R2"]
    numbers = range(len(columns) - 4, len(columns))
    return [Table("cross-validation", columns, cut_rows(rows), numbers=numbers),
            Paragraph(SCORES_NOTE)]  # fmt: skip


def _cells(score: CrossValidated) -> list[str]:
    return [
        str(score.folds), _with_error(score.r_mean, score.r_se),
        _with_error(score.r2_mean, score.r2_se), number_text(score.r2_pooled, "z.3f"),
    ]  # fmt: skip


def _means(scores: Iterable[CrossValidated]) -> list[str]:
    each = list(scores)
    means = (fmean(getattr(score, name) for score in each)
             for name in ("r_mean", "r2_mean", "r2_pooled"))  # fmt: skip
    return ["", *(number_text(mean, "z.3f") for mean in means)]


def _tests(folds: StudyFolds) -> list[Block]:
    rows = []
    for test in folds.tests:
        difference = test.difference
        t = difference.test
        rows.append([
            test.phenotype, f"{test.a} → {test.b}", *test.settings, str(difference.folds),
            number_text(difference.mean, "+z.4f"),
            f"{t.low:+z.4f} to {t.high:+z.4f}" if is_number(t.low) else "–",
            *(number_text(p, ".2g") for p in (t.p, difference.p_holm)),
            number_text(t.detectable, "z.3f"),
        ])  # fmt: skip
    columns = ["phenotype", "comparison", *folds.names[1:], "folds", "change in R2", "95% interval",
               "p", "p (Holm)", "detectable"]  # fmt: skip
    numbers = range(len(columns) - 6, len(columns))
    return [Table("tests within a phenotype", columns, cut_rows(rows), numbers=numbers),
            Paragraph(TESTS_NOTE)]  # fmt: skip


def _with_error(mean: float, error: float) -> str:
    return number_text(mean, "z.3f") + (f" ± {error:.3f}" if is_number(error) else "")
