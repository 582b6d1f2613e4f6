"""`g2p panel` as a user meets it, its figures, and heritability against its likelihood."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from g2p.cli import panel_summary as summary
from g2p.data.sources.simulated import cross, draw_loci
from g2p.report.panel import figures, heritability
from g2p.report.panel.genotype_stats import calls, relatedness, relationship
from g2p.report.panel.ld_decay import Decay
from tests.helpers.command import call
from tests.helpers.configs import compose, paths
from tests.helpers.panels import with_gaps


def restricted_likelihood(kinship, y, h2) -> float:
    """Log, up to a constant, of the textbook: V of the values, P of what the mean leaves."""
    n = len(y)
    ones = np.ones((n, 1))
    centring = np.eye(n) - 1 / n
    kinship = centring @ kinship @ centring
    V = h2 * kinship / (kinship.trace() / (n - 1)) + (1 - h2) * np.eye(n)
    inverse = np.linalg.inv(V)
    info = (ones.T @ inverse @ ones).item()
    P = inverse - inverse @ ones @ ones.T @ inverse / info
    logdet = np.linalg.slogdet(V)[1] + np.log(info)
    return -0.5 * (logdet + (n - 1) * np.log(y @ P @ y))


def test_heritability_is_where_the_restricted_likelihood_is_highest():
    rng = np.random.default_rng(3)
    X = rng.choice([-1.0, 1.0], (70, 30))
    values = X @ rng.standard_normal((30, 2)) / 5 + rng.standard_normal((70, 2))
    values[rng.random(values.shape) < 0.2] = np.nan
    result = summary.heritability(relationship(X, np.arange(70), np.arange(30)), values)
    grid = np.arange(0.005, 1, 0.005)
    for h2, y in zip(result, values.T, strict=True):
        seen = np.isfinite(y)
        heights = [restricted_likelihood(X[seen] @ X[seen].T, y[seen], at) for at in grid]
        assert h2 == pytest.approx(grid[np.argmax(heights)], abs=0.005)


def test_heritability_of_additive_phenotypes_is_the_simulated_one():
    rng = np.random.default_rng(0)
    chromosome, position = draw_loci(rng, 300)
    genotypes = cross(rng, 1000, chromosome, position)
    genetic = genotypes @ rng.standard_normal((300, 4))
    genetic /= genetic.std(axis=0)
    truth = np.array([0.1, 0.4, 0.7, 0.95])
    values = genetic * np.sqrt(truth) + rng.standard_normal((1000, 4)) * np.sqrt(1 - truth)
    kinship = relationship(genotypes, np.arange(1000), np.arange(300))
    np.testing.assert_allclose(summary.heritability(kinship, values * 50 - 7), truth, atol=0.1)


def test_the_error_of_a_heritability_is_its_spread():
    """Over phenotypes that are drawn anew for the same strains; larger for fewer strains."""
    rng = np.random.default_rng(0)
    X = rng.choice([-1.0, 1.0], (200, 60))
    genetic = X @ rng.standard_normal((60, 300)) / 60**0.5
    values = genetic * 0.5**0.5 + rng.standard_normal((200, 300)) * 0.5**0.5
    kinship = relationship(X, np.arange(200), np.arange(60))
    h2 = summary.heritability(kinship, values)
    errors = summary.heritability_errors(kinship, values, h2)
    assert np.median(errors) == pytest.approx(h2.std(), rel=0.15)
    missing = np.where(rng.random(values.shape) < 0.5, np.nan, values)[:, :2]
    wider = summary.heritability_errors(kinship, missing, h2[:2])
    assert (wider > 1.2 * errors[:2]).all()
    assert np.isnan(summary.heritability_errors(kinship, values[:, :1], np.array([np.nan]))).all()


def test_heritability_of_too_little_is_unknown():
    rng = np.random.default_rng(0)
    kinship = relationship(
        rng.choice([-1, 1], (50, 9)).astype(np.int8), np.arange(50), np.arange(9)
    )
    values = rng.standard_normal((50, 4))
    values[:, 1], values[:, 2], values[20:, 3] = np.nan, 3.0, np.nan
    values[0, 3] = np.nan  # 19 are left
    is_finite = np.isfinite(summary.heritability(kinship, values))
    np.testing.assert_array_equal(is_finite, [True, False, False, False])
    assert np.isnan(summary.heritability(np.zeros_like(kinship), values)).all()
    nobody = summary.sampled_with_values(np.full((5, 2), np.nan))
    assert np.isnan(
        summary.heritability(relationship(values, nobody, nobody), values[nobody])
    ).all()


@pytest.mark.slow
def test_figures_of_an_untidy_panel(tmp_path):
    genotypes = with_gaps(40, 30)
    values = np.random.default_rng(0).standard_normal((40, 70)) * 1e6
    values[:, 1], values[:, 2] = np.nan, 3.0
    names = [f"a $very$ long [name] of phenotype {i}" for i in range(70)]
    h2 = dict.fromkeys(names, (0.4, 0.1)) | {names[1]: (np.nan, np.nan)}
    for name, *what in (
        ("missing", figures.frequencies, calls(genotypes)),
        ("two", figures.relationships, relatedness(genotypes[:2]), 40),
        ("many", figures.phenotypes, values, names),
        ("one", figures.phenotypes, values[:, 1:2], names[1:2]),
        ("correlated", figures.correlations, values, names),
        ("axes", figures.components, relatedness(genotypes), 40),
        ("two_axes", figures.components, relatedness(genotypes[:2]), 40),
        ("shares", figures.heritabilities, h2, {names[0]: 0.8}, "40 of 40 strains"),
    ):
        figures.draw(tmp_path / f"{name}.png", *what)
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("first", "last"), [(4.5, 5.75), (5, 5), (3, 5.1), (1, 8.5)])
def test_labels_of_distances_do_not_overlap(first, last):
    distance = 10 ** np.arange(first, last + 0.25, 0.25)
    result = Decay(distance, 1 / distance, np.full(len(distance), 9), 0.1, 50)
    figure = figures.linkage(result)
    figure.draw_without_rendering()
    labels = figure.axes[0].get_xticklabels() + figure.axes[0].get_xticklabels(minor=True)
    boxes = [label.get_window_extent() for label in labels if label.get_text()]
    low, high = figure.axes[0].bbox.intervalx
    shown = sorted((b.x0, b.x1) for b in boxes if low <= (b.x0 + b.x1) / 2 <= high)
    assert len(shown) >= (first < last)
    assert all(first_box[1] < second_box[0] for first_box, second_box in itertools.pairwise(shown))


SMALL = ("data.strains=200", "data.loci=150")


def test_the_command(tmp_path):
    done = call("-m", "g2p", "panel", *SMALL, "paths.cache=here", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for text in ("data=simulated", "16: chr01", "YPD = 30C", "4NQO", "200 of 200 strains"):
        assert text in done.stdout
    panel, drawn = (line.partition(": ")[2] for line in done.stdout.splitlines()[-2:])
    assert (tmp_path / "here" / "panels").samefile(panel.rpartition("/")[0])
    assert {path.name for path in (tmp_path / "panels").glob("*/*")} == {
        "frequencies.png", "linkage.png", "relatedness.png", "components.png", "phenotypes.png",
        "correlations.png", "heritability.png",
    }  # fmt: skip
    assert drawn.startswith(str(tmp_path / "panels" / "simulated-"))


def test_one_strain_has_nothing_to_compare(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["data", "data.strains=1", "phenotype=YPD", *paths(tmp_path)])
    summary.main()
    assert "30C" in capsys.readouterr().out
    assert {p.stem for p in tmp_path.glob("panels/*/*")} == {"frequencies", "phenotypes"}


@pytest.mark.slow
def test_a_picture_of_other_phenotypes_does_not_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(heritability, "FEWEST_VALUES", 100)
    config = compose(*SMALL, *paths(tmp_path))
    folder = summary.summarise(config, summary.Console())
    assert (folder / "heritability.png").exists()
    monkeypatch.setattr(heritability, "FEWEST_VALUES", 1000)
    assert summary.summarise(config, summary.Console()) == folder
    assert not (folder / "heritability.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["modl=ridge"], "modl is not an option. Did you mean 'model'?"),
        (["data=byxm"], "data=byxm does not exist. Did you mean 'byxrm'?"),
        (["data.strain=5"], "Did you mean 'data.strains'?"),
        (["data.strains=none"], "data.strains must be"),
        (["data.strains=1,2"], "data.strains=1,2 is several values"),
        (["model=ridge"], "model has no effect: a summary"),
        (["seed=1"], "seed has no effect: a summary"),
        (["data.max_correlation=0.9"], "data.max_correlation has no effect: a summary"),
        (["hydra.verbose=true"], "hydra.verbose has no effect: a summary"),
        (["data=[a"], "no viable alternative"),
        (["phenotype=cuu"], "phenotype: this panel has no phenotype 'cuu'. Did you mean 'cu'?"),
        (["data=byxrm", "paths.data=nowhere"], "nowhere/byxrm/BYxRM_GenoData.txt"),
    ],
)
def test_a_users_error_is_one_message(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    overrides = [*SMALL, *arguments] if "phenotype" in message else arguments
    monkeypatch.setattr(sys, "argv", ["data", *overrides])
    with pytest.raises(SystemExit) as stopped:
        summary.main()
    assert stopped.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    assert message in err


def test_a_summary_does_not_wait_for_torch():
    code = (
        "import sys, g2p.cli.panel_summary;"
        "print([m for m in ('torch', 'wandb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
