"""What tests of runs that are trained at once share."""

import pytest
import torch

from g2p.training.checkpoints import load_checkpoint
from g2p.training.fit import FitRequest, Fitted, fit_model
from g2p.training.packed.fit import fit_packed
from tests.helpers.configs import compose, random_prepared

SMALL = {"num_layers": 2, "embedding_dim": 8, "num_heads": 2, "ffn_dim": 12}
TRAINER = (
    "trainer.accelerator=cpu", "trainer.precision=64-true", "trainer.max_epochs=4",
    "trainer.batch_size=16", "trainer.patience=null",
)  # fmt: skip


def requests(folder, configs, datas) -> list[FitRequest]:
    return [
        FitRequest(config, data, folder / str(i), lambda rows: None)
        for i, (config, data) in enumerate(zip(configs, datas, strict=True))
    ]


def fit_all_packed(requests: list[FitRequest]) -> list[Fitted | Exception]:
    return [result for _, result in sorted(fit_packed(requests), key=lambda pair: pair[0])]


def small(name: str) -> list[str]:
    options = compose(f"model={name}")["model"]
    return [f"model={name}", *(f"model.{k}={v}" for k, v in SMALL.items() if k in options)]


def assert_same(one, other, tolerance=1e-9):
    """Two runs' folders agree in parameters, optimizers' states and history, times aside."""
    last = [load_checkpoint(folder / "last.ckpt") for folder in (one, other)]
    for name, value in last[0]["state_dict"].items():
        torch.testing.assert_close(last[1]["state_dict"][name], value, rtol=0, atol=tolerance)
    states = [checkpoint["optimizer_states"][0]["state"] for checkpoint in last]
    assert states[0].keys() == states[1].keys()
    for i, state in states[0].items():
        for key, value in state.items():
            torch.testing.assert_close(states[1][i][key], value, rtol=0, atol=tolerance)
    rows, other_rows = (checkpoint["callbacks"]["Memory"]["rows"] for checkpoint in last)
    assert len(rows) == len(other_rows)
    for row, other_row in zip(rows, other_rows, strict=True):
        for key in row.keys() - {"seconds", "ended"}:
            # A correlation with predictions that hardly differ is less exact than they are.
            assert other_row[key] == pytest.approx(row[key], abs=10 * tolerance, nan_ok=True), key
    best = [load_checkpoint(folder / "best.ckpt") for folder in (one, other)]
    assert (
        best[0]["callbacks"]["Memory"]["best_epoch"]
        == (best[1]["callbacks"]["Memory"]["best_epoch"])
    )


def assert_members_end_as_alone(folder, configs, datas=None, tolerance=1e-9):
    """Each member, fitted at once with the others, against the same fit alone."""
    datas = datas or [random_prepared(seed=i) for i in range(len(configs))]
    alone = requests(folder / "alone", configs, datas)
    packed = requests(folder / "packed", configs, datas)
    one = [fit_model(*request) for request in alone]
    other = fit_all_packed(packed)
    for i, data in enumerate(datas):
        assert_same(alone[i].folder, packed[i].folder, tolerance)
        difference = one[i].predict(data.genotypes) - other[i].predict(data.genotypes)
        assert abs(difference).max() < max(tolerance, 1e-6) * 100
        assert [layer["entropy"] for layer in one[i].attention] == pytest.approx(
            [layer["entropy"] for layer in other[i].attention]
        )
    return other
