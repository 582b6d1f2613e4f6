"""The explanations of a study's runs: what each model found, a row a run."""

from pathlib import Path
from statistics import fmean

from g2p.core.console import Console
from g2p.core.errors import G2PError
from g2p.core.phrases import plural
from g2p.explain.explanation import Explanation, stored_explanation
from g2p.explain.options import ExplainOptions
from g2p.runs.listing import write_csv
from g2p.stats.recovery import FILE, Recovered
from g2p.study.design import Study
from g2p.study.expand import StudyRun


def explain_runs(
    study: Study, runs: list[StudyRun], folder: Path, console: Console, *, only_stored: bool
) -> list[Recovered]:
    """Explain the finished runs of a study that asks for it, and write `explained.csv`.

    An explanation with the same options is not made again.

    Args:
        study: with its options.
        runs: of the study, those that count; unfinished ones are left out.
        folder: of the study.
        console: for progress, and for runs that cannot be explained.
        only_stored: explain none that is not explained yet.
    """
    (folder / FILE).unlink(missing_ok=True)
    if study.explain is None:
        return []
    rows = []
    for number, run in enumerate(runs, start=1):
        if not run.directory.finished:
            continue
        try:
            explanation = stored_explanation(run.directory, study.explain)
            if explanation is None and not only_stored:
                console.print(f"explaining run {number} of {plural(len(runs), 'run')}")
                explanation = _explain(run, study.explain)
        except G2PError as error:
            console.print(f"warning: {run.signature} is not explained: {error}", soft_wrap=True)
            continue
        if explanation is not None:
            rows.append(_row(study, run, explanation))
    if rows:
        write_csv(folder / FILE, [row._asdict() for row in rows], Recovered._fields)
    return rows


def _explain(run: StudyRun, options: ExplainOptions) -> Explanation:
    from g2p.config.locate import is_dotted
    from g2p.explain.explain import explain  # imports torch

    name = run.config.model.name
    code = (name,) if is_dotted(name) else ()  # it is named in the study
    return explain(run.directory, options, accelerator=run.config.trainer.accelerator, code=code)


def _row(study: Study, run: StudyRun, explanation: Explanation) -> Recovered:
    truth = explanation.truth or {}
    variance = explanation.variance
    of_predictions = variance[variance["of"] == "prediction"].groupby("component")["share"].mean()
    published = [
        each["correlation"] for each in explanation.facts["published"].values()
        if each["correlation"] is not None
    ]  # fmt: skip
    return Recovered(
        arm=str(run.factors[study.arm]),
        settings=", ".join(
            f"{name}={value}" for name, value in run.factors.items()
            if name not in (study.arm, "seed", "phenotypes", *study.select)
        ),
        seed=run.config.seed,
        signature=run.signature,
        claims=int(explanation.interactions["claimed"].sum()),
        recall=truth.get("recall"),
        fdr=truth.get("fdr"),
        true_pairs=truth.get("true_pairs"),
        additive=float(of_predictions["additive"]),
        pairwise=float(of_predictions["pairwise"]),
        higher=float(of_predictions["higher"]),
        published=fmean(published) if published else None,
    )  # fmt: skip
