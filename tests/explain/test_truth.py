"""Claims against the truth of simulated panels: what is true, and what counts."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import g2p
from g2p.config.compose import compose_config
from g2p.explain.truth import TruePairs, score_claims, true_pairs
from tests.helpers.configs import paths


def loaded(tmp_path, *overrides):
    places = paths(tmp_path)
    return g2p.load_panel(*overrides, *places), compose_config([*overrides, *places]).data


def share_by_regression(panel, pair, phenotype: int) -> float:
    """The variance of the term of a pair, its effect by least squares on everything that is."""
    X = panel.genotypes.astype(float)
    sets = [s for order in panel.truth["sets"] for s in order]
    if "of_sets" in panel.truth:
        sets = [[i] for i in range(X.shape[1])] + panel.truth["sets"]
    terms = np.stack([X[:, s].prod(axis=1) for s in sets], axis=1)
    y = panel.phenotypes[:, phenotype]
    has_value = np.isfinite(y)
    design = np.column_stack([np.ones(len(X)), terms])[has_value]
    effect = np.linalg.lstsq(design, y[has_value], rcond=None)[0][1 + sets.index(pair)]
    return effect**2 * X[:, pair].prod(axis=1).var() / np.nanvar(y)


@pytest.mark.parametrize(
    "overrides",
    [
        ("data=simulated", "data.strains=4000", "data.loci=16"),
        ("data=epistasis", "data.strains=4000", "data.markers=400", "data.loci=8", "data.order=2",
         "data.noise=0.1"),
    ],
)  # fmt: skip
def test_shares_are_those_of_a_regression_on_what_is_true(tmp_path, overrides):
    panel, options = loaded(tmp_path, *overrides)
    true = true_pairs(panel, options)
    sets = panel.truth["sets"] if overrides[0] == "data=epistasis" else panel.truth["sets"][1]
    assert true.pairs.tolist() == sets
    for i in range(3):
        expected = share_by_regression(panel, sets[i], 0)
        assert true.share[i, 0] == pytest.approx(expected, rel=0.1, abs=0.003)


def test_sets_of_four_loci_are_no_pairs(tmp_path):
    small = "data.strains=2000", "data.markers=400", "data.loci=10"
    true = true_pairs(*loaded(tmp_path, "data=epistasis", *small))
    assert true.pairs.shape == (0, 2) and true.share.shape[1] == 1


def test_a_panel_that_does_not_know():
    assert true_pairs(SimpleNamespace(truth=None), {}) is None


def scored(claims: list[tuple[str, str]], share: float = 0.1) -> dict:
    """The score of claims on five loci, of which b is linked with a, and the true pair is a, d."""
    rng = np.random.default_rng(0)
    genotypes = rng.choice([-1, 1], (300, 5)).astype(np.int8)
    genotypes[:, 1] = np.where(rng.random(300) < 0.1, -1, 1) * genotypes[:, 0]
    loci = {"id": list("abcde"), "chromosome": ["1", "1", "1", "2", "2"], "position": range(5)}
    panel = SimpleNamespace(genotypes=genotypes, phenotype_names=["y"], loci=pa.table(loci))
    subject = SimpleNamespace(panel=panel, phenotypes=["y"])
    rows = [{"phenotype": "y", "locus_a": a, "locus_b": b, "claimed": True} for a, b in claims]
    rows.append({"phenotype": "y", "locus_a": "c", "locus_b": "e", "claimed": False})
    true = TruePairs(np.array([[0, 3]]), np.array([[share]]))
    return score_claims(subject, true, pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("claims", "recall", "fdr"),
    [
        ([], 0, 0),
        ([("a", "d")], 1, 0),
        ([("d", "a")], 1, 0),
        ([("b", "d")], 1, 0),  # linked with a
        ([("a", "d"), ("b", "d")], 1, 0),  # both of one true pair
        ([("c", "d")], 0, 1),  # on its chromosome, but not linked
        ([("a", "b")], 0, 1),
        ([("a", "d"), ("c", "e")], 1, 0.5),
    ],
)
def test_what_counts_as_true(claims, recall, fdr):
    score = scored(claims)
    assert (score["recall"], score["fdr"]) == (recall, fdr)


def test_a_small_true_pair_counts_for_no_recall_and_is_no_false_claim():
    assert scored([("a", "d")], share=0.001)["recall"] is None
    assert scored([("a", "d")], share=0.001)["fdr"] == 0
