"""Runs that are trained together end as each would alone."""

import signal
from contextlib import nullcontext

import pytest
import torch
import yaml

from g2p import fit_together as fit_together_module
from g2p.cli import Stopped
from g2p.config import CONF, choices, is_baseline
from g2p.errors import UserError
from g2p.fit import Fitted, Request, fit
from g2p.fit_together import fit_together
from g2p.train.checkpoints import load_checkpoint
from g2p.train.fold import Draws
from g2p.train.packed import train_together
from g2p.train.stack import Stack
from tests.conftest import compose, random_prepared

NETWORKS = [name for name in choices("model") if not is_baseline(name)]
LADDER = yaml.safe_load((CONF / "study" / "ladder.yaml").read_text())["factors"]["rung"]
SMALL = {"num_layers": 2, "embedding_dim": 8, "num_heads": 2, "ffn_dim": 12}
TRAINER = (
    "trainer.accelerator=cpu", "trainer.precision=64-true", "trainer.max_epochs=4",
    "trainer.batch_size=16", "trainer.patience=null",
)  # fmt: skip

STACKED_OR_NOT = pytest.mark.parametrize("stacked", [True, False])


def requests(folder, configs, datas) -> list[Request]:
    return [
        Request(config, data, folder / str(i), lambda rows: None)
        for i, (config, data) in enumerate(zip(configs, datas, strict=True))
    ]


def fitted_together(asked: list[Request], *, stacked: bool) -> list[Fitted | Exception]:
    results = fit_together(asked, stacked=stacked)
    return [result for _, result in sorted(results, key=lambda pair: pair[0])]


def small(name: str) -> list[str]:
    options = compose(f"model={name}")["model"]
    return [f"model={name}", *(f"model.{k}={v}" for k, v in SMALL.items() if k in options)]


def assert_same(one, other, tolerance=1e-9):
    """Two runs' folders: parameters, optimizers' states, history but for times."""
    last = [load_checkpoint(folder / "last.ckpt") for folder in (one, other)]
    for name, value in last[0]["state_dict"].items():
        torch.testing.assert_close(last[1]["state_dict"][name], value, rtol=0, atol=tolerance)
    states = [checkpoint["optimizer_states"][0]["state"] for checkpoint in last]
    assert states[0].keys() == states[1].keys()
    for i, state in states[0].items():
        for key, value in state.items():
            torch.testing.assert_close(states[1][i][key], value, rtol=0, atol=tolerance)
    rows, others = (checkpoint["callbacks"]["Memory"]["rows"] for checkpoint in last)
    assert len(rows) == len(others)
    for row, again in zip(rows, others, strict=True):
        for key in row.keys() - {"seconds", "ended"}:
            # A correlation with predictions that hardly differ is less exact than they are.
            assert again[key] == pytest.approx(row[key], abs=10 * tolerance, nan_ok=True), key
    best = [load_checkpoint(folder / "best.ckpt") for folder in (one, other)]
    assert (
        best[0]["callbacks"]["Memory"]["best_epoch"]
        == (best[1]["callbacks"]["Memory"]["best_epoch"])
    )


def assert_members_end_as_alone(folder, configs, datas=None, tolerance=1e-9, *, stacked=True):
    """Each member, fitted together, against the same fit alone."""
    datas = datas or [random_prepared(seed=i) for i in range(len(configs))]
    alone = requests(folder / "alone", configs, datas)
    packed = requests(folder / "packed", configs, datas)
    one = [fit(*request) for request in alone]
    other = fitted_together(packed, stacked=stacked)
    for i, data in enumerate(datas):
        assert_same(alone[i].folder, packed[i].folder, tolerance)
        difference = one[i].predict(data.genotypes) - other[i].predict(data.genotypes)
        assert abs(difference).max() < max(tolerance, 1e-6) * 100
        assert [layer["entropy"] for layer in one[i].attention] == pytest.approx(
            [layer["entropy"] for layer in other[i].attention]
        )
    return other


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("optimizer", "stacked"), [("adam", True), ("adamw", True), ("adamw", False)]
)
def test_a_member_ends_as_it_would_alone(tmp_path, name, optimizer, stacked):
    """Seeds, panels, phenotypes, learning rates, clipping and schedules of each member's own."""
    own = [
        ("seed=0", "optim.lr=0.01"),
        ("seed=1", "optim.lr=0.003", "trainer.gradient_clip_val=0.1"),
        ("seed=2", "optim.lr=0.01", "optim.plateau_patience=0", "optim.plateau_factor=0.5"),
    ]
    words = [*small(name), f"optim={optimizer}", *TRAINER]
    configs = [compose(*words, *other) for other in own]
    assert_members_end_as_alone(tmp_path, configs, stacked=stacked)


@pytest.mark.parametrize("height", range(len(LADDER["rungs"]) + 1))
def test_every_rung_of_the_ladder(tmp_path, height):
    settings = dict(LADDER["bottom"])
    for step in LADDER["rungs"][:height]:
        settings |= step["set"]
    settings = {k: v for k, v in settings.items() if k != "phenotype"}
    if "model.embedding_dim" in settings:
        settings["model.embedding_dim"] = 16
    words = [f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in settings.items()]
    configs = [
        compose(*words, "model.ffn_dim=12", *TRAINER, f"seed={seed}") for seed in range(2)
    ]  # fmt: skip
    assert_members_end_as_alone(tmp_path, configs)


@STACKED_OR_NOT
def test_dropout_draws_for_each_member_what_it_would_draw_alone(tmp_path, stacked):
    """Probabilities of their own, one of them 0, and last batches of different sizes."""
    words = [*small("transformer"), *TRAINER]
    configs = [
        compose(*words, f"seed={i}", f"model.dropout={p}") for i, p in enumerate((0.1, 0.0, 0.4))
    ]
    datas = [random_prepared(n_strains=n, seed=n) for n in (60, 55, 70)]
    assert_members_end_as_alone(tmp_path, configs, datas, stacked=stacked)


def test_the_additive_path_of_each_member_starts_at_its_own_ridge(tmp_path):
    words = [*small("transformer"), *TRAINER, "model.additive=true"]
    assert_members_end_as_alone(tmp_path, [compose(*words, f"seed={seed}") for seed in range(2)])


@STACKED_OR_NOT
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_float32_and_bfloat16_stay_close(tmp_path, name, precision, stacked):
    words = [*small(name), *TRAINER, f"trainer.precision={precision}"]
    configs = [compose(*words, "trainer.max_epochs=1", f"seed={seed}") for seed in range(3)]
    assert_members_end_as_alone(tmp_path, configs, tolerance=1e-5, stacked=stacked)


@STACKED_OR_NOT
def test_patience_stops_each_member_and_it_costs_nothing_more(tmp_path, monkeypatch, stacked):
    words = [*small("rijal_attention"), *TRAINER, "trainer.max_epochs=12", "optim.lr=0.05"]
    configs = [
        compose(*words, f"seed={seed}", f"trainer.patience={patience}")
        for seed, patience in enumerate((1, 2, "null"))
    ]
    sizes = []
    name = "Stack" if stacked else "Turns"

    class Counted(getattr(fit_together_module, name)):
        def __init__(self, models, rows, draws):
            sizes.append(len(models))
            super().__init__(models, rows, draws)

    monkeypatch.setattr(fit_together_module, name, Counted)
    fits = assert_members_end_as_alone(tmp_path, configs, stacked=stacked)
    assert len(fits[0].rows) < len(fits[1].rows) < len(fits[2].rows) == 12
    assert sizes == [3, 2, 1]


@STACKED_OR_NOT
def test_a_loss_that_is_not_finite_ends_its_member_alone(tmp_path, stacked):
    words = [*small("rijal_attention"), *TRAINER]
    datas = [random_prepared(seed=i) for i in range(3)]
    configs = [compose(*words, f"seed={i}") for i in range(3)]
    configs[1]["optim"]["lr"] = 1e200
    asked = requests(tmp_path / "packed", configs, datas)
    one, error, three = fitted_together(asked, stacked=stacked)
    assert isinstance(error, UserError) and "the loss became" in str(error)
    assert isinstance(one, Fitted) and isinstance(three, Fitted)
    alone = requests(tmp_path / "alone", configs, datas)
    for i in (0, 2):
        fit(*alone[i])
        assert_same(alone[i].folder, tmp_path / "packed" / str(i))


def test_a_member_that_has_ended_keeps_no_other_s_memory(tmp_path):
    words = [*small("rijal_attention"), *TRAINER, "optim.lr=0.01"]
    configs = [compose(*words, f"trainer.max_epochs={n}") for n in (1, 2, 2)]
    asked = requests(tmp_path, configs, [random_prepared(seed=i) for i in range(3)])
    members = [fit_together_module._member(request, {}, 3) for request in asked]
    ended = train_together(members, Stack, nullcontext())
    member, error = next(ended)
    assert member is members[0] and error is None and member.optimizer is None
    for parameter in member.model.parameters():
        assert parameter.untyped_storage().nbytes() == parameter.nbytes


def test_a_device_out_of_memory_ends_all_and_keeps_nothing(tmp_path, monkeypatch):
    """In the second epoch; what each has done lies on disk to go on from."""
    words = [*small("rijal_attention"), *TRAINER, "trainer.max_epochs=3"]
    configs = [compose(*words, f"seed={seed}") for seed in range(3)]
    datas = [random_prepared(seed=i) for i in range(3)]
    asked, whole = (requests(tmp_path / where, configs, datas) for where in ("broken", "whole"))
    learn = Stack.learn

    def full(stack, batches, context):
        if (tmp_path / "broken" / "0" / "last.ckpt").exists():
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return learn(stack, batches, context)

    monkeypatch.setattr(Stack, "learn", full)
    errors = fitted_together(asked, stacked=True)
    assert all(isinstance(error, torch.OutOfMemoryError) for error in errors)
    assert all(error.__traceback__ is None for error in errors)
    for request, alone in zip(asked, whole, strict=True):
        fit(*request)
        fit(*alone)
        assert_same(request.folder, alone.folder)


def test_a_folder_that_cannot_be_written_ends_its_member_alone(tmp_path):
    def full(rows):
        if len(rows) == 2:
            raise OSError(28, "No space left on device")

    config = compose(*small("rijal_attention"), *TRAINER)
    data = random_prepared()
    asked = [
        Request(config, data, tmp_path / "0", full),
        Request(config, data, tmp_path / "1", lambda rows: None),
    ]
    error, other = fitted_together(asked, stacked=True)
    assert isinstance(error, OSError) and len(other.rows) == 4


@STACKED_OR_NOT
@pytest.mark.parametrize("first", ["alone", "together"])
def test_a_run_begun_one_way_goes_on_the_other(tmp_path, first, stacked):
    """Killed after two epochs of five; the end is that of a run which was not."""
    words = [*small("transformer"), *TRAINER, "model.dropout=0.2", "optim.plateau_patience=0"]
    configs = [compose(*words, f"seed={seed}", "trainer.max_epochs=5") for seed in range(2)]
    datas = [random_prepared(seed=i) for i in range(2)]
    whole, broken = (requests(tmp_path / where, configs, datas) for where in ("whole", "broken"))
    for request in whole:
        fit(*request)

    def killed(rows):
        if len(rows) == 2:
            raise Stopped(signal.SIGTERM)

    def alone(asked):
        for request in asked:
            try:
                fit(*request)
            except Stopped:
                continue

    def both(asked):
        # A signal ends all at once, so only the first has its second epoch.
        try:
            fitted_together(asked, stacked=stacked)
        except Stopped:
            return

    ways = {"alone": (alone, both), "together": (both, alone)}[first]
    for way, on_epoch in zip(ways, (killed, lambda rows: None), strict=True):
        way([request._replace(on_epoch=on_epoch) for request in broken])
    for one, other in zip(whole, broken, strict=True):
        assert_same(one.folder, other.folder)


def test_a_finished_course_trains_no_further(tmp_path):
    config = compose(*small("rijal_attention"), *TRAINER)
    (request,) = requests(tmp_path, [config], [random_prepared()])
    fit(*request)
    before = (request.folder / "last.ckpt").read_bytes()
    (again,) = fitted_together([request], stacked=True)
    assert len(again.rows) == 4
    assert (request.folder / "last.ckpt").read_bytes() == before


def test_a_member_s_draws_disturb_no_other_s():
    draws = Draws(torch.device("cpu"))
    before = torch.get_rng_state()
    draws.seed(3)
    with draws.drawing():
        first = torch.nn.functional.dropout(torch.ones(100), 0.5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(3)
    assert torch.equal(first, torch.nn.functional.dropout(torch.ones(100), 0.5))
