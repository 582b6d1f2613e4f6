"""Training: that the loop is the plain one, that it learns, stops, resumes and shares work."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from g2p.core.errors import G2PError
from g2p.core.interrupts import Stopped
from g2p.models.transformer import Transformer
from g2p.training import optimizers as optim
from g2p.training import trainer
from g2p.training.checkpoints import load_checkpoint
from g2p.training.inference import predict_standardised
from g2p.training.lightning_module import RegressionModule
from g2p.training.loss import masked_mse
from g2p.training.metrics import scores
from g2p.training.progress import SilentProgress
from g2p.training.schedules import plateau_schedule
from tests.helpers.configs import random_prepared

TRAINER = {
    "accelerator": "cpu", "devices": 1, "precision": "64-true", "max_epochs": 4, "batch_size": 16,
    "max_updates": None, "patience": None, "ridge_margin": None, "gradient_clip_val": None,
    "monitor": "r2", "drop_last": False, "loss": None, "huber_delta": 1.0, "callbacks": [],
}  # fmt: skip


def make_module(data, seed=0, dropout=0.0, lr=1e-2, plateau=None, optimizer="adamw"):
    torch.manual_seed(seed)
    model = Transformer(
        n_loci=data.genotypes.shape[1], n_phenotypes=len(data.phenotype_names), num_layers=1,
        embedding_dim=8, num_heads=2, ffn=True, ffn_dim=8, skip=True, layer_norm=True, scaled=True,
        dropout=dropout, init_scale=1.0, position="none", additive=False,
        additive_effects="ridge", attended_loci=None,
    )  # fmt: skip
    decay = {"weight_decay": 0.1} if optimizer == "adamw" else {}
    return RegressionModule(
        model=model,
        optimizer=partial(
            getattr(optim, optimizer), lr=lr, plateau_patience=plateau, plateau_factor=0.5, **decay
        ),
        schedule=partial(plateau_schedule, patience=plateau, factor=0.5),
        seed=seed,
        inputs=data.inputs(),
    )


def train(folder, data, module=None, on_epoch=lambda rows: None, **options):
    module = module or make_module(data)
    return module, trainer.train(module, data, folder, on_epoch, **{**TRAINER, **options})


def without_times(rows):
    return [{k: v for k, v in row.items() if k not in ("seconds", "ended")} for row in rows]


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("clip", [None, 0.1])
def test_the_loop_is_the_plain_one(tmp_path, optimizer, clip):
    """Against a loop written out here, in float64: same history, same parameters."""
    data = random_prepared()
    network = make_module(data, optimizer=optimizer)
    module, rows = train(tmp_path, data, network, gradient_clip_val=clip, drop_last=True)

    model = make_module(data, optimizer=optimizer).model.double()
    step = {"adam": torch.optim.Adam, "adamw": partial(torch.optim.AdamW, weight_decay=0.1)}
    plain = step[optimizer](model.parameters(), lr=1e-2)
    x, y = torch.tensor(data.genotypes).double(), torch.tensor(data.phenotypes).double()
    for epoch in range(4):
        order = np.random.default_rng([0, epoch]).permutation(36)
        losses = []
        for start in (0, 16):  # 36 strains; the last 4 are dropped
            batch = data.split["train"][order[start : start + 16]]
            loss = masked_mse(model(x[batch]), y[batch], y[batch].isfinite().sum())
            plain.zero_grad()
            loss.backward()
            if clip:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            plain.step()
            losses.append(loss.item())
        val = data.split["val"]
        with torch.no_grad():
            expected = scores(model(x[val]).numpy(), y[val].numpy())
        assert rows[epoch]["train_loss"] == pytest.approx(np.mean(losses), abs=1e-9)
        assert rows[epoch]["val_loss"] == pytest.approx(expected.loss, abs=1e-9)
        assert rows[epoch]["val_r2/p1"] == pytest.approx(expected.r2[1], abs=1e-9)
    for trained, expected in zip(module.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(trained, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("monitor", ["r2", "loss"])
def test_the_best_epoch_is_saved_and_patience_stops(tmp_path, monitor):
    data = random_prepared()  # noise: validation soon gets worse
    module, rows = train(tmp_path, data, max_epochs=60, patience=3, monitor=monitor)
    column, sign = {"r2": ("val_r2_mean", 1), "loss": ("val_loss", -1)}[monitor]
    best = int(np.argmax([sign * row[column] for row in rows]))
    assert len(rows) == best + 1 + 3 < 60
    saved = load_checkpoint(tmp_path / "best.ckpt")
    assert saved["epoch"] == saved["callbacks"]["Memory"]["best_epoch"] == best
    module.load_state_dict(saved["state_dict"])
    val = data.split["val"]
    again = scores(predict_standardised(module.model, data.genotypes[val]), data.phenotypes[val])
    assert again.loss == pytest.approx(rows[best]["val_loss"], abs=1e-9)
    assert saved["inputs"]["loci"] == data.loci.to_pydict()


OPTIONS = {"precision": "32-true", "max_epochs": 7, "gradient_clip_val": 0.5}


@pytest.mark.parametrize("stop", [1, 3, 6])
def test_a_resumed_run_is_bit_for_bit_the_undisturbed_one(tmp_path, stop):
    """With dropout, clipping and a plateau schedule that acts; stopped after any epoch."""
    data = random_prepared()

    def fresh():
        return make_module(data, dropout=0.3, plateau=0, lr=0.1)

    _, undisturbed = train(tmp_path / "whole", data, fresh(), **OPTIONS)
    assert undisturbed[-1]["lr"] < undisturbed[0]["lr"]

    class KilledError(Exception):
        pass

    def kill(rows):
        if len(rows) == stop:
            raise KilledError

    with pytest.raises(KilledError):
        train(tmp_path / "resumed", data, fresh(), on_epoch=kill, **OPTIONS)
    histories = []
    _, resumed = train(tmp_path / "resumed", data, fresh(), on_epoch=histories.append, **OPTIONS)
    assert without_times(resumed) == without_times(undisturbed)
    assert len(histories) == 7 - stop, "finished epochs are not trained again"
    whole, continued = (load_checkpoint(tmp_path / f / "last.ckpt") for f in ("whole", "resumed"))
    for name, tensor in whole["state_dict"].items():
        assert torch.equal(tensor, continued["state_dict"][name])


def test_nothing_is_trained_after_patience_ran_out(tmp_path):
    """A run killed between stopping early and its test resumes with the test."""
    data = random_prepared()
    options = {"max_epochs": 60, "patience": 2}
    _, rows = train(tmp_path, data, **options)
    histories = []
    _, again = train(tmp_path, data, on_epoch=histories.append, **options)
    assert again == rows
    assert histories == []


@pytest.mark.slow
@pytest.mark.parametrize(("weighted", "loss"), [(False, None), (True, "huber"), (True, "gaussian")])
def test_two_processes_give_the_result_of_one(tmp_path, weighted, loss):
    """Lightning's DDP on two CPU processes against one process with the combined batch."""
    data = random_prepared(missing=0.3)
    if weighted:
        rng = np.random.default_rng(1)
        data = replace(data, weights=rng.uniform(0.1, 2, data.phenotypes.shape))
    _, one = train(tmp_path / "one", data, on_epoch=print, loss=loss)
    _, two = train(tmp_path / "two", data, on_epoch=print, loss=loss, devices=2)
    for a, b in zip(one, two, strict=True):
        for column in ("val_loss", "train_loss"):
            assert b[column] == pytest.approx(a[column], abs=1e-10)
    first, second = (load_checkpoint(tmp_path / f / "last.ckpt") for f in ("one", "two"))
    for name, tensor in first["state_dict"].items():
        torch.testing.assert_close(second["state_dict"][name], tensor, atol=1e-10, rtol=0)


@pytest.mark.slow
def test_a_process_without_a_strain_of_the_last_batch(tmp_path):
    data = random_prepared()  # 36 training strains: a last batch of one for two processes
    _, one = train(tmp_path / "one", data, max_epochs=2, batch_size=7)
    _, two = train(tmp_path / "two", data, max_epochs=2, batch_size=7, on_epoch=print, devices=2)
    assert two[-1]["val_loss"] == pytest.approx(one[-1]["val_loss"], abs=1e-10)


@pytest.mark.slow
def test_an_error_in_a_worker_process_is_raised_in_the_parent(tmp_path):
    data = random_prepared()
    with pytest.raises(G2PError, match="^the loss became .* in epoch 1. Try a smaller optim.lr"):
        train(tmp_path, data, make_module(data, lr=1e200), on_epoch=print, devices=2)
    with pytest.raises(G2PError, match="trainer.devices=999, but this machine has"):
        train(tmp_path, data, devices=999)


@pytest.mark.parametrize("monitor", ["r2", "loss"])
@pytest.mark.parametrize("patience", [0, 2])
def test_the_plateau_schedule_is_its_rule(tmp_path, monitor, patience):
    """lr halves once more epochs than `patience` in a row brought no new best.

    (torch stops halving near 1e-8, so the run is kept short of that.)
    """
    data = random_prepared()
    module = make_module(data, plateau=patience)
    _, rows = train(tmp_path, data, module, max_epochs=18, monitor=monitor)
    best, waited, lr = -np.inf, 0, 1e-2
    for row in rows:
        score = row["val_r2_mean"] if monitor == "r2" else -row["val_loss"]
        best, waited = (score, 0) if score > best else (best, waited + 1)
        if waited > patience:
            lr, waited = lr / 2, 0
        assert row["lr"] == pytest.approx(lr)
    assert lr < 1e-2


def test_a_loss_that_is_not_finite(tmp_path):
    data = random_prepared()
    with pytest.raises(G2PError, match="the loss became .* in epoch 1. Try a smaller optim.lr"):
        train(tmp_path, data, make_module(data, lr=1e200))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [None, KeyError, Stopped])
def test_a_bar_is_closed_however_the_training_ends(tmp_path, error):
    """Else it is drawn for ever in a process that goes on, a notebook's or a multirun's."""
    events = []

    class Bar(SilentProgress):
        def __enter__(self):
            events.append("open")
            return self

        def __exit__(self, *error):
            events.append("closed")

    def on_epoch(rows):
        if error:
            raise error(2)

    with pytest.raises(error) if error else nullcontext():
        train(tmp_path, random_prepared(), on_epoch=on_epoch, bar=Bar)
    assert events == ["open", "closed"]


def test_a_checkpoint_of_a_gpu_of_another_machine(tmp_path, monkeypatch):
    data = random_prepared()
    train(tmp_path, data, max_epochs=2)
    for name in ("best.ckpt", "last.ckpt"):
        checkpoint = load_checkpoint(tmp_path / name)
        with monkeypatch.context() as patched:
            patched.setattr(torch.serialization, "location_tag", lambda storage: "cuda:3")
            torch.save(checkpoint, tmp_path / name)
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load(tmp_path / "last.ckpt", weights_only=True)
    _, rows = train(tmp_path, data, max_epochs=3)
    assert len(rows) == 3


def test_a_damaged_checkpoint(tmp_path):
    data = random_prepared()
    train(tmp_path, data)
    whole = (tmp_path / "last.ckpt").read_bytes()
    weight = next(iter(load_checkpoint(tmp_path / "last.ckpt")["state_dict"].values()))
    flipped = bytearray(whole)
    flipped[whole.index(weight.numpy().tobytes())] ^= 1  # other numbers, if it went unnoticed
    for damaged in (b"", whole[: len(whole) // 2], b"not a checkpoint", flipped):
        (tmp_path / "last.ckpt").write_bytes(damaged)
        with pytest.raises(G2PError, match="last.ckpt cannot be read .* force=true"):
            train(tmp_path, data)
    torch.save({}, tmp_path / "last.ckpt")
    with pytest.raises(G2PError, match="not a checkpoint of a run"):
        train(tmp_path, data)
    (tmp_path / "last.ckpt").write_bytes(whole)
    (tmp_path / "best.ckpt").write_bytes(flipped)
    with pytest.raises(G2PError, match="best.ckpt cannot be read .* force=true"):
        train(tmp_path, data)
    (tmp_path / "best.ckpt").unlink()
    with pytest.raises(G2PError, match="best.ckpt is gone"):
        train(tmp_path, data)


def test_a_checkpoint_that_would_run_code_is_not_loaded(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    torch.save({"state_dict": Evil()}, tmp_path / "last.ckpt")
    with pytest.raises(G2PError, match="cannot be read"):
        load_checkpoint(tmp_path / "last.ckpt")


def test_cuda_requested_and_absent(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(G2PError, match="no CUDA device"):
        train(tmp_path, random_prepared(), accelerator="cuda")


def test_bf16_trains_close_to_float32(tmp_path):
    data = random_prepared()
    _, single = train(tmp_path / "32", data, precision="32-true")
    _, half = train(tmp_path / "16", data, precision="bf16-mixed")
    assert half[-1]["val_loss"] == pytest.approx(single[-1]["val_loss"], rel=0.02)
    saved = load_checkpoint(tmp_path / "16" / "last.ckpt")["state_dict"]
    assert all(tensor.dtype == torch.float32 for tensor in saved.values())
