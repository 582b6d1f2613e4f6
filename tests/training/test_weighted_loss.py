"""The loss of weighted strains: its sum, its batches, and trainings with it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from g2p.core.errors import OptionError
from g2p.data.batches import Batches
from g2p.data.device_data import DeviceData
from g2p.training.loss import load_loss, masked_mse
from tests.helpers.configs import compose, random_prepared
from tests.helpers.networks import NETWORKS
from tests.helpers.packed import TRAINER, assert_members_end_as_alone, small
from tests.helpers.user_package import write_package
from tests.training.test_trainer import make_module, train


def weighted(data, seed=0):
    """The data with random weights of its training strains."""
    rng = np.random.default_rng(seed)
    weights = np.zeros(data.phenotypes.shape, np.float32)
    rows = data.split["train"]
    weights[rows] = rng.uniform(0.1, 2, weights[rows].shape)
    weights[~np.isfinite(data.phenotypes)] = 0
    return replace(data, weights=weights)


def test_the_loss_is_the_weighted_sum_over_the_number_of_values(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    predicted, observed, weights = rng.standard_normal((3, 7, 2))
    weights = np.abs(weights)
    observed[2, 1] = observed[4, 0] = np.nan
    squares, distances = [], []
    for i, j in np.argwhere(np.isfinite(observed)):
        squares.append(weights[i, j] * (predicted[i, j] - observed[i, j]) ** 2)
        distances.append(weights[i, j] * abs(predicted[i, j] - observed[i, j]))
    arguments = [*map(torch.tensor, (predicted, observed)), torch.tensor(12), torch.tensor(weights)]
    assert float(masked_mse(*arguments)) == pytest.approx(sum(squares) / 12)
    monkeypatch.chdir(write_package(tmp_path))
    absolute = load_loss("my_pkg.losses.absolute", n_phenotypes=2, weighted=True)
    assert float(absolute(*arguments)) == pytest.approx(sum(distances) / 12)
    with pytest.raises(OptionError, match=r"my_pkg\.losses\.whole computes the loss of a whole"):
        load_loss("my_pkg.losses.whole", n_phenotypes=2, weighted=True)


@pytest.mark.parametrize("n_environments", [None, 2])
@pytest.mark.parametrize("world", [1, 3])
def test_each_value_comes_with_its_weight(n_environments, world):
    phenotypes = torch.arange(26.0).view(13, 2)
    for rank in range(world):
        batches = Batches(
            torch.zeros(13, 4), phenotypes, torch.arange(13), weights=100 + phenotypes,
            batch_size=4, seed=0, rank=rank, world=world, n_environments=n_environments,
        )  # fmt: skip
        for batch in batches:
            assert batch.weight_BP.shape == batch.phenotype_BP.shape
            observed = batch.phenotype_BP.isfinite()
            assert torch.equal((batch.weight_BP - batch.phenotype_BP)[observed].unique(),
                               torch.full((1,), 100.0)) or not observed.any()  # fmt: skip


def test_validation_strains_have_no_weights():
    data = DeviceData(weighted(random_prepared()), double=False)
    assert all(batch.weight_BP is not None for batch in data.train(batch_size=9, drop_last=False))
    assert all(batch.weight_BP is None for batch in data.val(9))


def test_the_loop_is_the_plain_one_with_weights(tmp_path):
    """Against steps written out here, in float64."""
    data = weighted(random_prepared())
    module, rows = train(tmp_path, data, max_epochs=2)
    model = make_module(data).model.double()
    plain = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    x, y, w = (
        torch.tensor(values).double() for values in (data.genotypes, data.phenotypes, data.weights)
    )
    for epoch in range(2):
        order = np.random.default_rng([0, epoch]).permutation(36)
        losses = []
        for start in (0, 16, 32):
            batch = data.split["train"][order[start : start + 16]]
            observed = y[batch].isfinite()
            error2 = (model(x[batch]) - y[batch])[observed] ** 2
            loss = (w[batch][observed] * error2).mean()
            plain.zero_grad()
            loss.backward()
            plain.step()
            losses.append(loss.item())
        val = data.split["val"]
        observed = y[val].isfinite()
        with torch.no_grad():
            val_loss = ((model(x[val]) - y[val])[observed] ** 2).mean()
        assert rows[epoch]["train_loss"] == pytest.approx(np.mean(losses), abs=1e-9)
        assert rows[epoch]["val_loss"] == pytest.approx(float(val_loss), abs=1e-9)
    for trained, expected in zip(module.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(trained, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", NETWORKS)
def test_packed_members_with_weights_end_as_alone(tmp_path, name):
    configs = [compose(*small(name), *TRAINER, f"seed={seed}") for seed in range(2)]
    datas = [weighted(random_prepared(n_strains=n, seed=n), seed=n) for n in (60, 55)]
    assert_members_end_as_alone(tmp_path, configs, datas)
