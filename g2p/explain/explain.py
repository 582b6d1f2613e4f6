"""explain(run): from a finished run to tables of what its model found."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from g2p.config.run_config import Section
from g2p.core.atomic_files import write_atomically, write_json
from g2p.explain.attention import attention_table, rank_correlations
from g2p.explain.averages import Averages
from g2p.explain.background import Background, choose_background
from g2p.explain.differences import in_blocks
from g2p.explain.effects import effects_table
from g2p.explain.explanation import FOLDER, VERSION, Explanation
from g2p.explain.figures import draw
from g2p.explain.interactions import interactions_table, separable_pairs
from g2p.explain.linkage import Linkage, linked_loci
from g2p.explain.mean_differences import MeanDifferences
from g2p.explain.options import ExplainOptions
from g2p.explain.published import compare_published
from g2p.explain.refits import se_over_refits
from g2p.explain.subject import Subject, load_subject
from g2p.explain.third_order import candidate_triples, triples_table
from g2p.explain.truth import score_claims, true_pairs
from g2p.explain.variance import COMPONENTS, of_phenotype, of_predictions
from g2p.runs.directory import RunDirectory
from g2p.tracking.wandb_explanation import log_explanation

LINKED = 0.5  # |r| from which on two loci of a chromosome cannot be told apart
MOST_STRAINS = 20_000  # whose predictions are taken apart into components
STRAINS_OF_TRIPLES = 100
STRAINS_A_PROPOSAL, MOST_PROPOSALS = 10, 50


def explain(
    directory: RunDirectory, options: ExplainOptions, *,
    accelerator: str = "auto", code: Sequence[str] = (), data: Section | None = None,
    cache: str | None = None,
) -> Explanation:  # fmt: skip
    """Explain a finished run; write tables, figures and facts into its folder `explain`.

    Args:
        directory: of the run.
        options: what is explained.
        accelerator, code, data, cache: see `load_subject`.

    Raises:
        G2PError: for whatever the user can mend; an explanation that was killed goes on when it is
            called again.
    """
    subject = load_subject(
        directory, phenotypes=options.phenotype, accelerator=accelerator, code=code, data=data,
        cache=cache,
    )  # fmt: skip
    folder = directory.folder / FOLDER
    background = choose_background(subject.data, subject.panel, options.strains, options.seed)
    linkage = _linkage(subject, LINKED)
    flipped = _linkage(subject, _threshold(options.linkage, subject))
    averages = Averages(subject, background, flipped, folder, asdict(options))

    loci = np.arange(len(subject.loci))
    if options.loci != "all":
        names = [options.loci] if isinstance(options.loci, str) else options.loci
        loci = subject.locus_numbers(names)
    effects = averages.over(loci[:, None], "effect")
    pairs = separable_pairs(_strongest(loci, effects, subject, options.strongest), flipped)
    interactions = averages.over(pairs, "pair")
    triples = candidate_triples(pairs, interactions, flipped, np.sqrt(subject.variance))
    third = averages.over(triples, "triple", strains=STRAINS_OF_TRIPLES)

    se, refits = se_over_refits(subject, averages, loci, effects, accelerator)

    table, proposed, conditions = interactions_table(
        subject, background, linkage, pairs, interactions, _proposals(options, subject)
    )
    tables = {
        "effects": effects_table(subject, background, flipped, loci, effects, se),
        "interactions": table,
        "triples": triples_table(subject, background, triples, third),
        "variance": _variance_table(subject, pairs, interactions, proposed),
        "attention": attention_table(subject, background),
    }
    facts = _facts(subject, background, flipped, options) | {
        "tests_given": conditions,
        "refits": refits,
        "published": compare_published(subject, tables["effects"]),
    }
    if tables["attention"] is not None:
        facts["attention"] = rank_correlations(tables["attention"], table)
    true = true_pairs(subject.panel, subject.config.data)
    truth = None if true is None else score_claims(subject, true, table)
    _write(folder, tables, facts, truth)
    averages.remove_files()
    explanation = Explanation(folder).loaded()
    figures = [path for path in draw(explanation) if path.suffix == ".png"]
    log_explanation(subject.config, directory.folder.name, figures, _numbers(explanation))
    return explanation


def _linkage(subject: Subject, threshold: float | None) -> Linkage:
    train = subject.data.genotypes[subject.data.split["train"]]
    return linked_loci(train, subject.chromosomes, threshold)


def _threshold(linkage: float | str | None, subject: Subject) -> float | None:
    """Return the |r| from which on loci are flipped together."""
    if linkage == "auto":
        is_mapped = "published_effect" in subject.panel.loci.column_names
        return None if is_mapped or subject.panel.truth else LINKED
    return None if linkage is None else float(linkage)


def _proposals(options: ExplainOptions, subject: Subject) -> int:
    """Return how many pairs a phenotype are tested: few strains could confirm none of many."""
    if isinstance(options.proposals, int):
        return options.proposals
    return min(MOST_PROPOSALS, max(1, len(subject.data.split["test"]) // STRAINS_A_PROPOSAL))


def _strongest(
    loci: np.ndarray, effects: MeanDifferences, subject: Subject, most: int
) -> np.ndarray:
    """Return the loci with the largest effects on any phenotype, at most so many."""
    size = (np.abs(effects.mean) / np.sqrt(subject.variance)).max(axis=1)
    return np.sort(loci[np.argsort(-size, kind="stable")[:most]])


def _variance_table(
    subject: Subject, pairs: np.ndarray, interactions: MeanDifferences, proposed: list[np.ndarray]
) -> pd.DataFrame:
    """Return phenotype, of (prediction or phenotype), component, share."""
    rows = np.unique(np.concatenate(list(subject.data.split.values())))
    if len(rows) > MOST_STRAINS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_STRAINS, replace=False))
    genotypes = subject.data.genotypes[rows]
    size = np.abs(interactions.mean / np.sqrt(subject.variance)).max(axis=1, initial=0)
    strongest = pairs[np.argsort(-size, kind="stable")]
    shares = of_predictions(in_blocks(subject.predict, genotypes), genotypes, strongest)
    genotypes, observed = subject.test
    predicted = in_blocks(subject.predict, genotypes)
    entries = []
    for i, phenotype in enumerate(subject.phenotypes):
        has_value = np.isfinite(observed[:, i])
        of_observed = of_phenotype(
            observed[has_value, i], predicted[has_value, i], genotypes[has_value],
            pairs[proposed[i]],
        )  # fmt: skip
        for of, values in (("prediction", shares[:, i]), ("phenotype", of_observed)):
            entries += [
                {"phenotype": phenotype, "of": of, "component": component, "share": share}
                for component, share in zip(COMPONENTS, values.tolist(), strict=True)
            ]
    return pd.DataFrame(entries)


def _write(folder: Path, tables: dict, facts: dict, truth: dict | None) -> None:
    """Write all files of an explanation; those of an earlier one that are not among them go."""
    contents = {f"{name}.parquet": table for name, table in tables.items()}
    for name, content in {**contents, "truth.json": truth, "explain.json": facts}.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)
        elif isinstance(content, pd.DataFrame):
            write_atomically(folder / name, content.to_parquet)
        else:
            write_json(folder / name, content)


def _facts(
    subject: Subject, background: Background, flipped: Linkage, options: ExplainOptions
) -> dict:
    """Return what the tables are computed from."""
    return {
        "version": VERSION,
        "run": subject.directory.folder.name,
        "model": subject.model.name,
        "options": asdict(options),
        "background": [subject.data.strains[row] for row in background.rows],
        "flip": background.meaning,
        "loci_flipped_with_others": int((flipped.sizes > 1).sum()),
        "loci": len(subject.loci),
    }


def _numbers(explanation: Explanation) -> dict[str, float]:
    """Return the numbers of an explanation that a dashboard shows."""
    truth = explanation.truth or {}
    table = explanation.variance
    shares = table.groupby(table["component"] + "_of_" + table["of"])["share"].mean().dropna()
    return {
        "claims": int(explanation.interactions["claimed"].sum()),
        **{key: truth[key] for key in ("recall", "fdr") if truth.get(key) is not None},
        **{str(name): float(share) for name, share in shares.items()},
    }
