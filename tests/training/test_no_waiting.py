"""Within an epoch nothing asks the device for a value: a GPU and its host would wait in turn.

And little is copied to it, which would wait as well.
"""

from contextlib import nullcontext

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from g2p.training.fit import FitRequest, fit_model
from g2p.training.packed import fit as packed_fit
from g2p.training.packed.loop import _predict_validation, _train_epoch
from g2p.training.packed.stacked import StackedModels
from tests.helpers.configs import compose, random_prepared
from tests.helpers.networks import NETWORKS

SMALL = {"num_layers": 1, "embedding_dim": 8, "num_heads": 2, "ffn_dim": 12, "dropout": 0.1}
aten = torch.ops.aten
# What has to know a tensor's values: `item`, `bool`, `float`; sizes that depend on values.
WAITS = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten._unique2, aten.equal}


class Waits(TorchDispatchMode):
    """Counts what would wait for a GPU."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        by_mask = function.overloadpacket in (aten.index, aten.index_put_) and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        self.count += by_mask or function.overloadpacket in WAITS
        return function(*args, **kwargs or {})


class Copies(TorchDispatchMode):
    """Counts tensors that are copied from the CPU to another device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **kwargs or {})
        if function.overloadpacket == aten._to_copy:
            self.count += args[0].device.type == "cpu" != result.device.type
        return result


def make_request(folder, name: str, batch_size: int, seed: int) -> FitRequest:
    options = compose(f"model={name}")["model"]
    config = compose(
        f"model={name}", *(f"model.{k}={v}" for k, v in SMALL.items() if k in options),
        "trainer.accelerator=cpu", "trainer.max_epochs=1", f"trainer.batch_size={batch_size}",
        "trainer.gradient_clip_val=1", f"seed={seed}",
    )  # fmt: skip
    return FitRequest(config, random_prepared(n_strains=80), folder, lambda rows: None)


def test_what_waits_is_counted():
    with Waits() as waits:
        x = torch.arange(3)
        float(x[0]), bool(x[1] > 0), x[x > 0]
    assert waits.count == 3


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("members", [1, 2])
def test_steps_ask_for_nothing(tmp_path, name, members):
    """An epoch of thirty steps waits as often as one of three."""

    def waits(batch_size: int) -> int:
        requests = [
            make_request(tmp_path / f"{batch_size}-{i}", name, batch_size, i)
            for i in range(members)
        ]
        with Waits() as counter:
            if members == 1:
                fit_model(*requests[0])
            else:
                fits = packed_fit.fit_packed(requests)
                results = [result for _, result in fits]
                assert not any(isinstance(result, Exception) for result in results)
        return counter.count

    assert waits(20) == waits(2)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_packed_epoch_where_tensors_have_no_values(tmp_path, name, monkeypatch):
    """On torch's `meta` device, of shapes alone, which refuses waits and other devices' tensors."""
    meta = torch.device("meta")
    monkeypatch.setattr(packed_fit, "_device", lambda accelerator: meta)
    adamw = torch.optim.AdamW  # fused ones know no `meta`
    monkeypatch.setattr(
        torch.optim,
        "AdamW",
        lambda parameters, fused, **options: adamw(parameters, **options, foreach=True),
    )
    members = [
        packed_fit._member(make_request(tmp_path / str(i), name, 16, i), {}, 2) for i in range(2)
    ]
    for member in members:
        member.generator.device = torch.device("cpu")  # `meta` has no random numbers
    states = ((m.model, m.flat_parameters, m.generator) for m in members)
    models = StackedModels(*zip(*states, strict=True))
    with Copies() as copies:
        _train_epoch(members, models, nullcontext())
        batches = [next(iter(member.val)) for member in members]
        predicted = models.predict(batches, nullcontext())
    assert all(tensor.device == meta for tensor in (*members[0].losses, *predicted))
    assert copies.count == len(members)  # of each the order of its strains, once an epoch
    with pytest.raises(NotImplementedError, match="meta"):  # torch's: there is nothing to copy back
        _predict_validation(members, models, nullcontext())
