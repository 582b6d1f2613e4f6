"""Explanations of real runs: every model, against brute force, truth and what models say."""

import json
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

import g2p
from g2p.config.registry import choices
from g2p.core.errors import OptionError, RunError
from g2p.explain.explanation import Explanation
from g2p.explain.summary import print_summary
from g2p.runs.directory import RunDirectory
from g2p.runs.run import run
from tests.helpers.configs import compose, paths
from tests.helpers.wandb_files import logged
from tests.runs.test_predict import QUICK

DATA = ("data.strains=240", "data.loci=16", "data.pairs=4", "data.triples=2", "phenotype=[23C,cu]",
        "logger=none")  # fmt: skip
FLIPS = {-1: np.float32(-1), 1: np.float32(1)}


@pytest.fixture
def undrawn(monkeypatch):
    """Figures take longer than all else, and are looked at by few tests."""
    monkeypatch.setattr("g2p.explain.explain.draw", lambda explanation: [])


def trained(folder, *overrides) -> g2p.Run:
    config = compose(*DATA, *overrides, *paths(folder))
    config = config.with_values({"trainer.max_epochs": 2, "trainer.accelerator": "cpu"})
    return g2p.load_run(run(config))


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """A run on enough strains to find the pairs of loci, explained."""
    folder = tmp_path_factory.mktemp("trees")
    done = trained(folder, "model=gbdt", "data.strains=3000", "data.loci=40", "data.pairs=5")
    return done, done.explain(strains=30)


@pytest.mark.parametrize("name", choices("model"))
@pytest.mark.usefixtures("undrawn")
def test_every_model_is_explained_as_brute_force_does(tmp_path, name):
    finished = trained(tmp_path, f"model={name}", *QUICK.get(name, ()))
    explanation = finished.explain(strains=20)
    panel = g2p.load_panel(*DATA, *paths(tmp_path))
    names = panel.loci["id"].to_pylist()
    rows = [panel.strains.index(strain) for strain in explanation.facts["background"]]
    genotypes = panel.genotypes[rows].astype(np.float32)

    def mean_difference(loci) -> np.ndarray:
        total = 0.0
        for alleles in product(FLIPS, repeat=len(loci)):
            changed = genotypes.copy()
            changed[:, list(loci)] = alleles
            total = total + np.prod(alleles) * finished.predict(changed).to_numpy()
        return total.mean(axis=0)

    spread = panel.phenotypes[:, panel.columns(["23C", "cu"])]
    close = {"abs": 1e-5 * np.nanstd(spread)}
    effects = explanation.effects.pivot(index="locus", columns="phenotype", values="effect")
    for i, locus in enumerate(names):
        values = effects.loc[locus, ["23C", "cu"]].to_numpy(float)
        assert values == pytest.approx(mean_difference([i]), **close)
    pairs = explanation.interactions.set_index(["locus_a", "locus_b", "phenotype"])["effect"]
    assert len(pairs) == 2 * 120
    for a, b in list(combinations(range(16), 2))[::6]:
        values = [pairs[names[a], names[b], phenotype] for phenotype in ("23C", "cu")]
        assert values == pytest.approx(mean_difference([a, b]), **close)
    shares = explanation.variance.groupby(["phenotype", "of"])["share"].sum(min_count=3)
    assert shares.xs("prediction", level="of").to_numpy() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("tested", [True, False])
@pytest.mark.usefixtures("undrawn")
def test_a_summary_without_claims_or_shares_says_so(tmp_path, capsys, tested):
    whole = trained(tmp_path, "model=ridge").explain(strains=5)
    explanation = Explanation(whole.folder)
    pairs = whole.interactions.assign(claimed=False, p=np.nan)
    if tested:
        pairs.loc[:3, "p"] = 0.5
    vars(explanation).update(interactions=pairs, variance=whole.variance.assign(share=np.nan))
    print_summary(explanation)
    printed = capsys.readouterr().out
    assert ("confirm none of 4 proposed pairs." in printed) == tested
    assert ("The model proposes no interaction" in printed) != tested
    assert "Shares of variance need three test strains" in printed and "claimed" not in printed


@pytest.mark.slow
def test_the_files_of_the_contract(trees):
    finished, explanation = trees
    folder = finished.folder / "explain"
    assert explanation.folder == folder
    expected = {
        "effects": ["phenotype", "locus", "chromosome", "position", "effect", "se_background",
                    "se"],
        "interactions": ["phenotype", "locus_a", "locus_b", "effect", "se_background",
                         "variance_share", "p", "q", "claimed"],
        "variance": ["phenotype", "of", "component", "share"],
    }  # fmt: skip
    for name, columns in expected.items():
        assert set(columns) <= set(pd.read_parquet(folder / f"{name}.parquet"))
    for name in ("effects", "interactions", "hubs"):
        for ending in ("png", "svg", "csv"):
            assert (folder / f"{name}.{ending}").stat().st_size > 500
    assert not (folder / "attention.parquet").exists()  # this model has none
    assert not (folder / "unfinished").exists()
    truth = json.loads((folder / "truth.json").read_text())
    assert 0 <= truth["recall"] <= 1 and 0 <= truth["fdr"] <= 1


def test_pairs_that_are_there_are_claimed(trees):
    _, explanation = trees
    assert explanation.truth["recall"] > 0.7, explanation.truth
    assert explanation.truth["fdr"] < 0.2
    pairs = explanation.interactions
    assert pairs["q"].notna().sum() <= 50 * 2
    assert (pairs["claimed"] == (pairs["q"] <= 0.05)).all()


@pytest.mark.usefixtures("undrawn")
def test_a_model_of_products_says_the_same_of_itself(tmp_path):
    """Without other interactions a double difference is the coefficient, in units of a flip."""
    explanation = trained(tmp_path, "model=linear_pairwise").explain(strains=10)
    pairs = explanation.interactions
    assert (pairs["weight"] != 0).any()
    scale = pairs["effect"].abs().max()
    assert pairs["weight"].to_numpy() == pytest.approx(pairs["effect"].to_numpy(), abs=1e-6 * scale)
    assert explanation.triples.empty  # no double difference varies


@pytest.mark.usefixtures("undrawn")
def test_ridge_has_its_weights_for_effects(tmp_path):
    effects = trained(tmp_path, "model=ridge").explain(strains=10).effects
    assert effects["effect"].to_numpy() == pytest.approx(effects["weight"].to_numpy(), rel=1e-5)
    assert effects["se"].isna().all()


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_refits_give_a_standard_error(tmp_path):
    runs = [trained(tmp_path, "model=ridge", f"split.seed={seed}") for seed in (0, 1, 2)]
    trained(tmp_path, "model=ridge", "data.seed=1")  # other data: no refit
    trained(tmp_path, "model=lasso", "model.penalties=4")
    explanation = runs[0].explain(strains=10)
    assert set(explanation.facts["refits"]) == {each.signature for each in runs[1:]}
    columns = [each.explain(strains=10).effects["effect"].to_numpy() for each in runs]
    expected = np.std(columns, axis=0, ddof=1)
    assert explanation.effects["se"].to_numpy() == pytest.approx(expected)


@pytest.mark.usefixtures("undrawn")
def test_chosen_loci_and_phenotypes(tmp_path):
    finished = trained(tmp_path, "model=ridge")
    names = finished.explain(strains=5).effects["locus"].unique().tolist()
    explanation = finished.explain(strains=5, loci=names[2:4], phenotype="cu")
    assert explanation.effects["locus"].tolist() == names[2:4]
    assert set(explanation.interactions["phenotype"]) == {"cu"}
    assert len(explanation.interactions) == 1
    with pytest.raises(OptionError, match=f"the model has no locus chrX.*such as {names[0]}"):
        finished.explain(loci=["chrX"])
    with pytest.raises(OptionError, match="does not predict 25C"):
        finished.explain(phenotype="25C")
    with pytest.raises(OptionError, match="strains must be a whole number, at least 1, not 0"):
        finished.explain(strains=0)
    with pytest.raises(OptionError, match="loki is not an option. Did you mean 'loci'"):
        finished.explain(loki=["a"])
    with pytest.raises(OptionError, match="linkage must be"):
        finished.explain(linkage="close")


def test_a_run_without_a_checkpoint(tmp_path):
    finished = trained(tmp_path, "model=ridge")
    (finished.folder / "checkpoints" / "best.ckpt").unlink()
    with pytest.raises(RunError, match="best.ckpt"):
        finished.explain()


def test_other_data_than_the_run_was_trained_on(tmp_path):
    finished = trained(tmp_path, "model=ridge")
    from g2p.explain.subject import load_subject

    other = compose(*DATA, "data.seed=5", *paths(tmp_path)).data
    with pytest.raises(RunError, match="has changed since it was trained"):
        load_subject(finished.directory, phenotypes="all", accelerator="cpu", data=other)


def test_a_run_of_before_the_newest_options_has_its_data_elsewhere(tmp_path, monkeypatch):
    """What its config does not say is neutral."""
    finished = trained(tmp_path, "model=ridge")
    from g2p.explain.subject import load_subject

    config = finished.directory.config()
    newest = ("covariates", "categorical", "principal_components")
    data = {key: value for key, value in config.data.items() if key not in newest}
    monkeypatch.setattr(RunDirectory, "config", lambda directory: config.replace(data=data))
    elsewhere = compose(*DATA, *paths(tmp_path)).data
    subject = load_subject(
        finished.directory, phenotypes="all", accelerator="cpu", data=elsewhere
    )  # fmt: skip
    assert subject.data.covariates is None


@pytest.mark.usefixtures("undrawn")
def test_loci_of_a_real_panel_are_flipped_with_their_neighbours(tmp_path):
    """A table of genotypes that says nothing of what is true."""
    rng = np.random.default_rng(0)
    base = rng.choice([-1, 1], (200, 3))
    near = np.where(rng.random((200, 3)) < 0.02, -base, base)
    genotypes = np.stack([base, near], axis=2).reshape(200, 6)
    names = [f"locus{i}" for i in range(6)]
    strains = [f"s{i}" for i in range(200)]
    pd.DataFrame(genotypes, columns=names).assign(strain=strains)[["strain", *names]].to_csv(
        tmp_path / "genotypes.csv", index=False
    )
    where = {"id": names, "chromosome": [1, 1, 2, 2, 3, 3], "position": range(6)}
    pd.DataFrame(where).to_csv(tmp_path / "loci.csv", index=False)
    y = genotypes[:, 0] + genotypes[:, 2] * genotypes[:, 4] + rng.normal(size=200) * 0.1
    pd.DataFrame({"strain": strains, "y": y}).to_csv(tmp_path / "phenotypes.csv", index=False)
    config = compose(
        "data=table", "data.coding=-1/0/1", f"data.path={tmp_path / 'genotypes.csv'}",
        f"data.loci={tmp_path / 'loci.csv'}", "phenotype=all",
        f"data.phenotypes={tmp_path / 'phenotypes.csv'}", "model=ridge", "logger=none",
        *paths(tmp_path),
    )  # fmt: skip
    finished = g2p.load_run(run(config))
    together, alone = finished.explain(), finished.explain(linkage=None)
    assert set(together.effects["linked"]) == {1} and set(alone.effects["linked"]) == {0}
    # Of three blocks there are twelve pairs of loci of different ones.
    assert len(together.interactions) == 12 and len(alone.interactions) == 15
    effects = together.effects["effect"].to_numpy()
    assert effects[0] == pytest.approx(alone.effects["effect"].to_numpy()[:2].sum(), rel=0.1)
    assert together.truth is None


@pytest.mark.slow
def test_figures_and_numbers_are_logged_to_wandb(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    import wandb

    wandb.teardown()  # it keeps the folder of its first run, perhaps another test's
    config = compose(*DATA[:-1], "model=ridge", *paths(tmp_path))
    finished = g2p.load_run(run(config))
    explanation = finished.explain(strains=10)
    _, of_explanation = logged(tmp_path)
    assert of_explanation["run"].run_id == finished.signature
    assert of_explanation["summary"]["explain_claims"] == explanation.interactions["claimed"].sum()
    assert of_explanation["summary"]["explain_additive_of_prediction"] == pytest.approx(1)
    keys = {key for row in of_explanation["history"] for key in row}
    assert any(key.startswith("explain/effects") for key in keys)
    assert of_explanation["exit_code"] == 0


@pytest.mark.slow
def test_attention_is_a_map_of_loci(tmp_path):
    explanation = trained(tmp_path, "model=transformer").explain(strains=10)
    attention = explanation.attention
    assert len(attention) == 2 * 16 * 16
    sums = attention.groupby(["layer", "locus_a"])["weight"].sum()
    assert sums.to_numpy() == pytest.approx(1, abs=1e-5)
    assert set(explanation.facts["attention"]) == {"1", "2"}
    assert (explanation.folder / "attention.png").exists()


@pytest.mark.usefixtures("undrawn")
def test_a_product_of_three_loci_comes_first(tmp_path):
    """It has no mean interaction of two, but its double differences vary."""
    overrides = (
        "data.loci=16", "data.pairs=0", "data.share_pairs=0", "data.triples=1",
        "data.share_triples=0.6", "data.strains=2000", "model=gbdt", "phenotype=cu",
    )  # fmt: skip
    finished = trained(tmp_path, *overrides)
    explanation = finished.explain(strains=100)
    panel = g2p.load_panel(*overrides[:6], *paths(tmp_path))
    true = [panel.loci["id"][i].as_py() for i in panel.truth["sets"][2][0]]
    strongest = explanation.triples.iloc[0]
    assert sorted(strongest[["locus_a", "locus_b", "locus_c"]]) == sorted(true)
    assert explanation.truth["recall"] is None  # there is no true pair
