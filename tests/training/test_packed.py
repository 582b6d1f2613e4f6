"""Runs that are trained at once end as each would alone."""

import signal

import pytest
import torch
import yaml

from g2p.config.registry import CONF
from g2p.core.interrupts import Stopped
from g2p.training.fit import fit_model
from g2p.training.packed import loop
from g2p.training.packed.stacked import StackedModels
from g2p.training.packed.vmap_rules import MemberGenerator
from tests.helpers.configs import compose, random_prepared
from tests.helpers.networks import NETWORKS
from tests.helpers.packed import (
    TRAINER,
    assert_members_end_as_alone,
    assert_same,
    fit_all_packed,
    requests,
    small,
)

LADDER = yaml.safe_load((CONF / "study" / "ladder.yaml").read_text())["factors"]["rung"]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_a_member_ends_as_it_would_alone(tmp_path, name, optimizer):
    """With a seed, panel, phenotypes, learning rate, clipping and schedule for each member."""
    differences = [
        ("seed=0", "optim.lr=0.01"),
        ("seed=1", "optim.lr=0.003", "trainer.gradient_clip_val=0.1"),
        ("seed=2", "optim.lr=0.01", "optim.plateau_patience=0", "optim.plateau_factor=0.5"),
    ]
    shared = [*small(name), f"optim={optimizer}", *TRAINER]
    configs = [compose(*shared, *overrides) for overrides in differences]
    assert_members_end_as_alone(tmp_path, configs)


@pytest.mark.parametrize("height", range(len(LADDER["rungs"]) + 1))
def test_every_rung_of_the_ladder(tmp_path, height):
    settings = dict(LADDER["bottom"])
    for step in LADDER["rungs"][:height]:
        settings |= step["set"]
    settings = {k: v for k, v in settings.items() if k != "phenotype"}
    if "model.embedding_dim" in settings:
        settings["model.embedding_dim"] = 16
    overrides = [f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in settings.items()]
    configs = [
        compose(*overrides, "model.ffn_dim=12", *TRAINER, f"seed={seed}") for seed in range(2)
    ]  # fmt: skip
    assert_members_end_as_alone(tmp_path, configs)


def test_dropout_draws_for_each_member_what_it_would_draw_alone(tmp_path):
    """With different probabilities, one of them 0, and last batches of different sizes."""
    overrides = [*small("transformer"), *TRAINER]
    configs = [
        compose(*overrides, f"seed={i}", f"model.dropout={p}")
        for i, p in enumerate((0.1, 0.0, 0.4))
    ]
    datas = [random_prepared(n_strains=n, seed=n) for n in (60, 55, 70)]
    assert_members_end_as_alone(tmp_path, configs, datas)


@pytest.mark.parametrize("more", [[], ["additive_effects=lasso", "attended_loci=5"]])
def test_each_members_additive_path_is_of_its_data(tmp_path, more):
    more = [f"model.{option}" for option in more]
    overrides = [*small("transformer"), *TRAINER, "model.additive=true", *more]
    assert_members_end_as_alone(
        tmp_path, [compose(*overrides, f"seed={seed}") for seed in range(2)]
    )


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_float32_and_bfloat16_stay_close(tmp_path, name, precision):
    overrides = [*small(name), *TRAINER, f"trainer.precision={precision}"]
    configs = [compose(*overrides, "trainer.max_epochs=1", f"seed={seed}") for seed in range(3)]
    assert_members_end_as_alone(tmp_path, configs, tolerance=1e-5)


def test_patience_stops_each_member_and_it_costs_nothing_more(tmp_path, monkeypatch):
    overrides = [*small("rijal_attention"), *TRAINER, "trainer.max_epochs=12", "optim.lr=0.05"]
    configs = [
        compose(*overrides, f"seed={seed}", f"trainer.patience={patience}")
        for seed, patience in enumerate((1, 2, "null"))
    ]
    sizes = []

    class Counted(StackedModels):
        def __init__(self, models, *states):
            sizes.append(len(models))
            super().__init__(models, *states)

    monkeypatch.setattr(loop, "StackedModels", Counted)
    fits = assert_members_end_as_alone(tmp_path, configs)
    assert len(fits[0].rows) < len(fits[1].rows) < len(fits[2].rows) == 12
    assert sizes == [3, 2, 1]


@pytest.mark.parametrize("first", ["alone", "packed"])
def test_a_run_started_alone_resumes_packed_and_vice_versa(tmp_path, first):
    """Killed after two epochs of five; the end is that of a run which was not."""
    overrides = [*small("transformer"), *TRAINER, "model.dropout=0.2", "optim.plateau_patience=0"]
    configs = [compose(*overrides, f"seed={seed}", "trainer.max_epochs=5") for seed in range(2)]
    datas = [random_prepared(seed=i) for i in range(2)]
    whole, broken = (requests(tmp_path / name, configs, datas) for name in ("whole", "broken"))
    for request in whole:
        fit_model(*request)

    def killed(rows):
        if len(rows) == 2:
            raise Stopped(signal.SIGTERM)

    def train_alone(requests):
        for request in requests:
            try:
                fit_model(*request)
            except Stopped:
                continue

    def train_packed(requests):
        # A signal ends all at once, so only the first has its second epoch.
        try:
            fit_all_packed(requests)
        except Stopped:
            return

    steps = {"alone": (train_alone, train_packed), "packed": (train_packed, train_alone)}[first]
    for train, on_epoch in zip(steps, (killed, lambda rows: None), strict=True):
        train([request._replace(on_epoch=on_epoch) for request in broken])
    for one, other in zip(whole, broken, strict=True):
        assert_same(one.folder, other.folder)


def test_a_member_s_random_numbers_do_not_affect_another_s():
    generator = MemberGenerator(torch.device("cpu"))
    before = torch.get_rng_state()
    generator.seed(3)
    with generator.in_use():
        first = torch.nn.functional.dropout(torch.ones(100), 0.5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(3)
    assert torch.equal(first, torch.nn.functional.dropout(torch.ones(100), 0.5))
