"""A failing run among several that are trained at once does not affect the others."""

from contextlib import ExitStack, nullcontext

import torch

from g2p.core.errors import G2PError
from g2p.runs.packed_runs import PackedRuns
from g2p.training.fit import FitRequest, Fitted, fit_model
from g2p.training.packed import fit as packed_fit
from g2p.training.packed.loop import train_packed
from g2p.training.packed.stacked import StackedModels
from tests.helpers.configs import compose, random_prepared
from tests.helpers.packed import (
    TRAINER,
    assert_same,
    fit_all_packed,
    requests,
    small,
)


def test_a_loss_that_is_not_finite_ends_its_member_only(tmp_path):
    overrides = [*small("rijal_attention"), *TRAINER]
    datas = [random_prepared(seed=i) for i in range(3)]
    configs = [compose(*overrides, f"seed={i}") for i in range(3)]
    configs[1] = configs[1].with_values({"optim.lr": 1e200})
    packed = requests(tmp_path / "packed", configs, datas)
    one, error, three = fit_all_packed(packed)
    assert isinstance(error, G2PError) and "the loss became" in str(error)
    assert isinstance(one, Fitted) and isinstance(three, Fitted)
    alone = requests(tmp_path / "alone", configs, datas)
    for i in (0, 2):
        fit_model(*alone[i])
        assert_same(alone[i].folder, tmp_path / "packed" / str(i))


def test_a_member_that_has_ended_shares_no_memory(tmp_path):
    overrides = [*small("rijal_attention"), *TRAINER, "optim.lr=0.01"]
    configs = [compose(*overrides, f"trainer.max_epochs={n}") for n in (1, 2, 2)]
    packed = requests(tmp_path, configs, [random_prepared(seed=i) for i in range(3)])
    members = [packed_fit._member(request, {}, 3) for request in packed]
    results = train_packed(members, nullcontext())
    member, error = next(results)
    assert member is members[0] and error is None and not hasattr(member, "optimizer")
    for parameter in member.model.parameters():
        assert parameter.untyped_storage().nbytes() == parameter.nbytes


def test_where_a_device_runs_out_of_memory_each_continues_alone(tmp_path, monkeypatch):
    """In the second epoch, from what lies on disk."""
    overrides = [*small("rijal_attention"), *TRAINER, "trainer.max_epochs=3"]
    configs = [compose(*overrides, f"seed={seed}") for seed in range(3)]
    datas = [random_prepared(seed=i) for i in range(3)]
    packed, whole = (requests(tmp_path / name, configs, datas) for name in ("broken", "whole"))
    learn = StackedModels.learn

    def fail(stack, batches, context):
        if (tmp_path / "broken" / "0" / "last.ckpt").exists():
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return learn(stack, batches, context)

    monkeypatch.setattr(StackedModels, "learn", fail)
    messages = []
    runs = PackedRuns(messages.append, ExitStack())
    runs.capacity["sizes"] = 3
    fits = dict(runs._fit(dict(enumerate(packed)), "sizes"))
    assert sorted(fits) == [0, 1, 2] and runs.capacity["sizes"] == 1
    assert "3 runs continue one by one" in messages[-1]
    for number, alone in enumerate(whole):
        assert len(fits[number].rows) == 3
        fit_model(*alone)
        assert_same(packed[number].folder, alone.folder)


def test_a_folder_that_cannot_be_written_ends_its_member_only(tmp_path):
    def fail(rows):
        if len(rows) == 2:
            raise OSError(28, "No space left on device")

    config = compose(*small("rijal_attention"), *TRAINER)
    data = random_prepared()
    packed = [
        FitRequest(config, data, tmp_path / "0", fail),
        FitRequest(config, data, tmp_path / "1", lambda rows: None),
    ]
    error, other = fit_all_packed(packed)
    assert isinstance(error, OSError) and len(other.rows) == 4


def test_a_finished_training_does_not_continue(tmp_path):
    config = compose(*small("rijal_attention"), *TRAINER)
    (request,) = requests(tmp_path, [config], [random_prepared()])
    fit_model(*request)
    before = (request.folder / "last.ckpt").read_bytes()
    (again,) = fit_all_packed([request])
    assert len(again.rows) == 4
    assert (request.folder / "last.ckpt").read_bytes() == before
