"""Estimates of a run's time: the arithmetic around the time of an update, which is measured."""

import pytest
import torch

from g2p.launch.prepare import runs_at_once
from g2p.study import training_time
from g2p.study.sizes import Sizes
from g2p.study.training_time import EPOCH_SECONDS, training_seconds
from tests.helpers.configs import SMALL, compose
from tests.helpers.networks import NETWORKS

SIZES = Sizes(n_loci=32, n_phenotypes=3, n_train=130, n_val=64)


@pytest.fixture
def update_of_a_hundredth(monkeypatch):
    """Each kind of update takes 10 ms, after one that really happens; none is remembered."""

    def take_a_hundredth(step, least_updates, least_seconds):
        step()
        return 0.01

    monkeypatch.setattr(training_time, "_cached", {})
    monkeypatch.setattr(training_time, "_median_seconds", take_a_hundredth)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_run_takes_its_updates_its_validation_and_its_epochs(name, update_of_a_hundredth):
    config = compose(*SMALL[:2], f"model={name}", "trainer=cpu", "trainer.max_epochs=7")
    samples = SIZES.n_phenotypes if name == "rijal_multienv" else 1
    updates = -(-130 * samples // 64)
    epoch = updates * 0.01 + samples * 0.01 / 3 + EPOCH_SECONDS
    assert training_seconds(config, SIZES) == pytest.approx(7 * epoch)


def test_a_large_batch_is_in_proportion_to_a_few_strains(monkeypatch):
    sizes = []
    monkeypatch.setattr(training_time, "_cached", {})
    monkeypatch.setattr(
        training_time, "_median_seconds", lambda *_, **__: sizes.append(1) or 1.0
    )  # fmt: skip
    config = compose(*SMALL, "trainer.batch_size=64", "trainer.max_epochs=1")
    seconds = training_seconds(config, SIZES._replace(n_val=0))
    assert seconds == pytest.approx(3 * 64 / 8 + EPOCH_SECONDS) and len(sizes) == 1


def test_the_time_on_a_missing_device_is_unknown(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert training_seconds(compose(*SMALL, "trainer.accelerator=cuda"), SIZES) is None


def test_a_model_is_timed_once(update_of_a_hundredth, monkeypatch):
    built = []
    build = training_time.build_model
    monkeypatch.setattr(
        training_time, "build_model", lambda *a, **k: built.append(1) or build(*a, **k)
    )
    for rate in (1e-3, 1e-2):
        training_seconds(compose(*SMALL, f"optim.lr={rate}"), SIZES)
    assert len(built) == 1


@pytest.mark.parametrize(
    ("overrides", "number"),
    [
        ([], 1),
        (["hydra/launcher=joblib", "hydra.launcher.n_jobs=3"], 3),
        (["hydra/launcher=submitit_slurm"], 1),
        (["hydra.launcher.n_jobs=3"], 1),
    ],
)
def test_how_many_runs_are_trained_at_once(overrides, number):
    assert runs_at_once(overrides) == number


def test_joblib_uses_all_cores_by_default(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 5)
    assert runs_at_once(["hydra/launcher=joblib"]) == 5
