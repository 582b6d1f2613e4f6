"""Synthetic epistasis: the published formula, by loops, from the truth that the panel keeps."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.config.schema import check
from g2p.core.errors import G2PError
from g2p.data import load_panel
from g2p.data.panel_store import open_panel
from g2p.data.sources.epistasis import TEMPERATURES
from tests.helpers.configs import compose


def panel(folder, *overrides):
    small = ("data=epistasis", "data.strains=400", "data.markers=200", "data.loci=10")
    return load_panel(compose(*small, *overrides)["data"], folder)[0]


@settings(deadline=None, max_examples=8)
@given(
    epsilon=st.floats(0, 1),
    order=st.integers(2, 4),
    coefficients=st.sampled_from(["gaussian", "exponential"]),
    seed=st.integers(0, 99),
)
def test_the_published_formula(tmp_path_factory, epsilon, order, coefficients, seed):
    made = panel(
        tmp_path_factory.mktemp("panel"), "data.noise=0", "data.temperatures=eight",
        f"data.epsilon={epsilon}", f"data.order={order}", f"data.coefficients={coefficients}",
        f"data.seed={seed}",
    )  # fmt: skip
    truth = made.truth
    assert len(truth["sets"]) == len(set(map(tuple, truth["sets"]))) == 10
    assert all(len(set(s)) == order for s in truth["sets"])
    for strain in (0, 7):
        x = made.genotypes[strain].astype(float)
        for p, temperature in enumerate(TEMPERATURES):
            t = temperature - 30
            effects = [a + b * t + c * t**2 for a, b, c in truth["of_loci"]]
            of_sets = [a + b * t + c * t**2 for a, b, c in truth["of_sets"]]
            additive = np.mean([e * x[i] for i, e in enumerate(effects)])
            together = np.mean(
                [e * np.prod(x[s]) for s, e in zip(truth["sets"], of_sets, strict=True)]
            )
            offset = truth["offset"]
            fitness = 1 - 0.01 * (epsilon * additive + (1 - epsilon) * together + offset)
            assert made.phenotypes[strain, p] == pytest.approx(fitness, abs=1e-8)


def test_noise_is_a_share_of_the_noiseless_spread(tmp_path):
    quiet = panel(tmp_path, "data.noise=0", "data.strains=4000")
    noisy = panel(tmp_path, "data.noise=0.2", "data.strains=4000")
    residual = noisy.phenotypes - quiet.phenotypes
    assert residual.std() / quiet.phenotypes.std() == pytest.approx(0.2, rel=0.05)
    assert noisy.noise_ceiling["30C"] == pytest.approx(1 / 1.04)
    assert quiet.noise_ceiling["30C"] == 1


def test_loci_are_balanced_and_in_genome_order(tmp_path):
    made = panel(tmp_path, "data.strains=4000")
    assert np.abs(made.genotypes.mean(axis=0)).max() < 0.05
    places = list(zip(made.loci["chromosome"].to_pylist(), made.loci["position"].to_pylist(),
                      strict=True))  # fmt: skip
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.order=11", "exceeds data.loci=10"),
        ("data.loci=500", "only .* of 200 loci"),
        ("data.order=10", "fewer than 10 sets"),
    ],
)
def test_what_cannot_be_drawn(tmp_path, override, message):
    with pytest.raises(G2PError, match=message):
        panel(tmp_path, override, "data.strains=4000")


def test_on_the_genotypes_of_any_stored_panel(tmp_path):
    base = load_panel(compose("data.strains=300", "data.loci=40")["data"], tmp_path)[0]
    (stored,) = (tmp_path / "panels").glob("simulated-*.arrow")
    overrides = (
        "data=epistasis",
        f"data.panel={stored}",
        "data.loci=8",
        "data.order=2",
        "data.noise=0",
    )
    made = load_panel(compose(*overrides)["data"], tmp_path)[0]
    assert made.strains == base.strains
    columns = [base.loci["id"].to_pylist().index(name) for name in made.loci["id"].to_pylist()]
    np.testing.assert_array_equal(made.genotypes, base.genotypes[:, columns])
    assert np.abs(made.genotypes.mean(axis=0)).max() < 0.05
    x, truth = made.genotypes[5].astype(float), made.truth
    additive = np.mean([a * x[i] for i, (a, _, _) in enumerate(truth["of_loci"])])
    pairs = zip(truth["sets"], truth["of_sets"], strict=True)
    together = np.mean([a * np.prod(x[s]) for s, (a, _, _) in pairs])
    fitness = 1 - 0.01 * (0.3 * additive + 0.7 * together + truth["offset"])
    assert made.phenotypes[5, 0] == pytest.approx(fitness, abs=1e-8)


def test_a_panel_that_is_none(tmp_path):
    (tmp_path / "x.arrow").write_text("no panel")
    with pytest.raises(G2PError, match="is not a stored panel"):
        panel(tmp_path, f"data.panel={tmp_path / 'x.arrow'}")
    with pytest.raises(G2PError, match=r"data\.strains has no effect: data\.panel is set"):
        check(compose("data=epistasis", "data.panel=x.arrow"), ["data.strains"])


def test_the_content_of_a_panel_is_in_the_fingerprint_not_its_name(tmp_path):
    """Two panels under one name are two."""
    fingerprints = []
    for strains in (300, 400):
        made = load_panel(compose(f"data.strains={strains}")["data"], tmp_path / "made")[0]
        file = tmp_path / str(strains) / "panel.arrow"
        (stored,) = [
            f for f in (tmp_path / "made" / "panels").glob("simulated-*.arrow")
            if len(open_panel(f).strains) == strains
        ]  # fmt: skip
        file.parent.mkdir()
        shutil.copy(stored, file)
        options = compose("data=epistasis", f"data.panel={file}", "data.loci=8", "data.order=2")
        panel_of, fingerprint = load_panel(options["data"], tmp_path)
        assert panel_of.strains == made.strains
        fingerprints.append(fingerprint)
    assert fingerprints[0] != fingerprints[1]
