"""Transfer: what a run may know of its target, and going on from another run."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from g2p.config.schema import check
from g2p.core.errors import G2PError
from g2p.data import split as splits
from g2p.data import transfer
from g2p.models import build_model
from g2p.runs.run import run
from g2p.training.checkpoints import load_checkpoint
from g2p.training.finetune import start_from
from tests.helpers.configs import compose, random_prepared
from tests.helpers.panels import make_panel


def reduced(panel, observations, *, seed=0, method="joint", split=None):
    split = split or splits.random(panel, [], seed=0, n_train=None, test_share=0.15)
    phenotypes, columns = transfer.target(
        panel, [0, 1, 2], lambda: split, target=panel.phenotype_names[1], observations=observations,
        method=method, seed=seed,
    )  # fmt: skip
    return split, phenotypes, columns


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 99), few=st.integers(2, 30), more=st.integers(0, 20))
def test_m_values_are_visible_and_grow_by_adding(seed, few, more):
    panel = make_panel(80, 5, 3)
    split, first, _ = reduced(panel, few, seed=seed)
    _, second, _ = reduced(panel, few + more, seed=seed)
    pool = np.concatenate([split["train"], split["val"]])
    visible = [np.isfinite(p[pool, 1]) for p in (first, second)]
    assert [k.sum() for k in visible] == [few, few + more]
    assert not (visible[0] & ~visible[1]).any()
    share = np.isfinite(first[split["val"], 1]).sum()
    there = [np.isfinite(panel.phenotypes[split[part], 1]).sum() for part in ("train", "val")]
    assert share == few * there[1] // sum(there)
    for changed in (first, second):
        shown = np.isfinite(changed[:, 1])
        np.testing.assert_array_equal(changed[shown, 1], panel.phenotypes[shown, 1])
        np.testing.assert_array_equal(changed[:, [0, 2]], panel.phenotypes[:, [0, 2]])
        np.testing.assert_array_equal(changed[split["test"]], panel.phenotypes[split["test"]])


def test_null_is_all_and_methods_choose_the_columns():
    panel = make_panel(60, 5, 3)
    _, phenotypes, columns = reduced(panel, None)
    np.testing.assert_array_equal(phenotypes, panel.phenotypes)
    assert columns == [0, 1, 2]
    assert [reduced(panel, 9, method=m)[2] for m in ("single", "finetuned")] == [[1], [1]]


@pytest.mark.parametrize(
    ("columns", "target", "observations", "method", "message"),
    [
        ([0, 2], "p1", 5, "joint", "is not among the phenotypes"),
        ([0, 1], "q", 5, "joint", "^transfer.target: this panel has no phenotype 'q'"),
        ([0, 1], "all", 5, "joint", "^transfer.target=all: it must be one phenotype"),
        ([1], "p1", 5, "finetuned", "selects none"),
        ([0, 1], "p1", 500, "joint", "has 52 values"),
    ],
)
def test_refused_targets(columns, target, observations, method, message):
    panel = make_panel(60, 5, 3, phenotypes=np.random.default_rng(0).standard_normal((60, 3)))
    split = {"train": np.arange(40), "val": np.arange(40, 52), "test": np.arange(52, 60)}
    with pytest.raises(G2PError, match=message):
        transfer.target(
            panel,
            columns,
            lambda: split,
            target=target,
            observations=observations,
            method=method,
            seed=0,
        )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=ridge", "transfer.method=finetuned"], "no weights to fine-tune"),
        (["data.missing=drop_strain"], "drops their strains"),
        (["model=rijal_multienv", "transfer.method=finetuned"], "Use transfer.method=joint"),
        (["transfer.observations=1"], "at least 2"),
    ],
)
def test_what_is_refused_before_any_work(overrides, message):
    with pytest.raises(G2PError, match=message):
        check(compose("transfer=target", *overrides))


THREE = ("transfer=target", "phenotype=[23C,25C,27C]", "trainer.batch_size=16")


def metrics_of(folder) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_two_observations_train_and_are_scored_on_test(small):
    """Nothing to validate on: the last epoch is kept, and val says null."""
    folder = run(small(*THREE, "transfer.observations=2", "transfer.method=single"))
    metrics = metrics_of(folder)
    assert metrics["val"]["r2"] == {"23C": None} and metrics["val"]["r2_mean"] is None
    assert metrics["best_epoch"] == metrics["epochs"] - 1
    assert np.isfinite(metrics["test"]["r2"]["23C"])
    table = pq.read_table(folder / "predictions.parquet").to_pydict()
    val = [o for o, s in zip(table["observed"], table["split"], strict=True) if s == "val"]
    assert val and set(val) == {None}


@pytest.mark.parametrize("method", ["joint", "finetuned"])
def test_a_target_may_be_named_by_its_alias(small, method):
    """YPD is 30C; here with too few observations to validate on."""
    folder = run(small("transfer=target", "phenotype=[30C,25C]", "trainer.batch_size=16",
                       "transfer.observations=2", "transfer.target=YPD",
                       f"transfer.method={method}"))  # fmt: skip
    assert np.isfinite(metrics_of(folder)["test"]["r2"]["30C"])


def test_few_values_are_all_that_joint_training_sees(small):
    """Another value of a hidden strain changes nothing; of a test strain, its score alone."""
    folder = run(small(*THREE, "transfer.observations=20"))
    metrics = metrics_of(folder)
    assert list(metrics["test"]["r2"]) == ["23C", "25C", "27C"]
    assert metrics["val"]["n"]["23C"] == 3  # 20 times the share of validation strains, 0.15
    scaling = load_checkpoint(folder / "checkpoints" / "best.ckpt")["inputs"]
    plain = run(small("phenotype=[23C,25C,27C]", "trainer.batch_size=16"))
    other = load_checkpoint(plain / "checkpoints" / "best.ckpt")["inputs"]
    assert scaling["mean"][0] != other["mean"][0]
    assert scaling["mean"][1:] == other["mean"][1:]


def test_fine_tuning_resumes_from_the_run_on_the_others(small):
    base = run(small("phenotype=[25C,27C]", "trainer.batch_size=16"))
    before = (base / "metrics.json").stat().st_mtime_ns
    folder = run(small(*THREE, "transfer.observations=30", "transfer.method=finetuned",
                       "optim.lr=1e-9"))  # fmt: skip
    assert list(metrics_of(folder)["test"]["r2"]) == ["23C"]
    # Another learning rate: another base, trained by the call itself.
    assert len(list(base.parent.iterdir())) == 3
    again = run(small(*THREE, "transfer.observations=30", "transfer.method=finetuned"))
    assert (base / "metrics.json").stat().st_mtime_ns == before
    assert len(list(base.parent.iterdir())) == 4
    weights = [
        load_checkpoint(f / "checkpoints" / "best.ckpt")["state_dict"] for f in (base, again)
    ]
    assert weights[1]["model.readout.linear.weight"].shape[0] == 1
    name = "model.embed.weight"
    assert not torch.equal(weights[0][name], weights[1][name])
    # With a step of next to nothing the weights are those of the base.
    frozen = load_checkpoint(folder / "checkpoints" / "best.ckpt")["state_dict"]
    bases = [f for f in base.parent.iterdir() if f not in (base, again, folder)]
    start = load_checkpoint(bases[0] / "checkpoints" / "best.ckpt")["state_dict"]
    torch.testing.assert_close(frozen[name], start[name], atol=1e-6, rtol=0)


def test_weights_that_do_not_fit_are_named(small):
    base = run(small("phenotype=[25C,27C]", "trainer.batch_size=16")) / "checkpoints" / "best.ckpt"
    loci = load_checkpoint(base)["inputs"]["loci"]
    data = replace(random_prepared(n_loci=32), loci=pa.table(loci))
    narrow = compose("model.embedding_dim=8", "model.num_heads=2", "model.num_layers=1")["model"]
    model = build_model(narrow, n_loci=32, n_phenotypes=1)
    with pytest.raises(G2PError, match=r"does not fit this model: embed\.weight"):
        start_from(model, base, data)
    with pytest.raises(G2PError, match="was trained on other loci"):
        start_from(model, base, random_prepared(n_loci=32))


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_target_that_a_part_knows_nothing_of(part):
    panel = make_panel(60, 5, 3)
    split = splits.random(panel, [], seed=0, n_train=None, test_share=0.15)
    panel.phenotypes[split[part], 1] = np.nan
    other = {"train": "val", "val": "train"}[part]
    there = np.isfinite(panel.phenotypes[split[other], 1]).sum()
    for observations in (None, 3):
        _, phenotypes, _ = reduced(panel, observations, split=split)
        visible = np.isfinite(phenotypes[split[other], 1]).sum()
        assert visible == (observations or there)
        assert np.isnan(phenotypes[split[part], 1]).all()
