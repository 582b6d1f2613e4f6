"""How long a run trains: budgets in epochs and updates, and patience on the additive plateau."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from g2p.config.schema import check
from g2p.core.errors import OptionError
from g2p.data.device_data import DeviceData
from g2p.runs.signature import signature
from g2p.training.additive_plateau import find_escape, on_plateau
from g2p.training.budget import count_epochs, count_updates
from g2p.training.fit import FitRequest, fit_model
from g2p.training.training_state import TrainingState
from tests.helpers.configs import compose, random_prepared
from tests.helpers.packed import (
    TRAINER,
    assert_members_end_as_alone,
    assert_same,
    small,
)

UNTIL_SEVEN = ("trainer.max_epochs=null", "trainer.max_updates=7")
BUDGETS = st.none() | st.integers(1, 300)


@given(
    st.integers(1, 70), st.integers(1, 40), st.booleans(), st.tuples(BUDGETS, BUDGETS).filter(any)
)
def test_the_last_epoch_is_the_first_that_reaches_a_budget(n_train, batch_size, drop_last, budgets):
    updates = count_updates(n_train, batch_size=batch_size, drop_last=drop_last)
    assert updates == sum(
        1 for first in range(0, n_train, batch_size)
        if not drop_last or first + batch_size <= n_train
    )  # fmt: skip
    if updates:
        epochs = count_epochs(*budgets, updates)
        max_epochs, max_updates = (float("inf") if b is None else b for b in budgets)
        assert epochs >= max_epochs or epochs * updates >= max_updates
        assert epochs <= max_epochs and (epochs - 1) * updates < max_updates


def test_an_epoch_has_as_many_updates_as_batches():
    data = DeviceData(random_prepared(), double=False)  # 36 training strains
    for batch_size, drop_last in ((16, False), (16, True), (12, False), (36, True)):
        options = {"batch_size": batch_size, "drop_last": drop_last}
        assert count_updates(36, **options) == len(data.train(**options, seed=0))


def test_a_budget_in_updates_ends_a_run_alone_and_packed(tmp_path):
    """Three updates an epoch: seven are reached in the third."""
    configs = [
        compose(*small("transformer"), *TRAINER, *budget)
        for budget in (
            UNTIL_SEVEN,
            ("trainer.max_epochs=2", "trainer.max_updates=9"),
            ("trainer.max_epochs=5", "trainer.max_updates=4"),
        )
    ]
    fits = assert_members_end_as_alone(tmp_path, configs)
    counted = [[row["updates"] for row in fitted.rows] for fitted in fits]
    assert counted == [[3, 6, 9], [3, 6], [3, 6]]


def test_a_run_with_a_budget_resumes_bit_for_bit(tmp_path):
    config, data = compose(*small("transformer"), *TRAINER, *UNTIL_SEVEN), random_prepared()
    fit_model(config, data, tmp_path / "whole", lambda rows: None)
    killed_after = config.with_values({"trainer.max_updates": 6})
    fit_model(killed_after, data, tmp_path / "broken", lambda rows: None)
    again = fit_model(config, data, tmp_path / "broken", lambda rows: None)
    assert len(again.rows) == 3
    assert_same(tmp_path / "whole", tmp_path / "broken", tolerance=0)


@pytest.mark.slow
def test_two_processes_make_the_updates_of_one(tmp_path):
    config = compose(*small("transformer"), *TRAINER, *UNTIL_SEVEN, "trainer.devices=2")
    fitted = fit_model(config, random_prepared(), tmp_path / "two", print)
    assert [row["updates"] for row in fitted.rows] == [3, 6, 9]


def test_one_of_the_two_budgets_must_be_set():
    with pytest.raises(OptionError, match=r"trainer\.max_epochs and trainer\.max_updates are both"):
        check(compose("trainer.max_epochs=null"))


def test_without_a_budget_in_updates_signatures_are_those_of_before():
    options = {"data_fingerprint": "", "phenotypes": ["p"], "accelerator": "cpu"}
    config = compose("trainer.max_epochs=25", "trainer.ridge_margin=null")
    new = ("max_updates", "ridge_margin")
    before = {key: value for key, value in config["trainer"].items() if key not in new}
    assert signature(config, **options) == signature(config.replace(trainer=before), **options)
    other = compose("trainer.max_epochs=25", "trainer.ridge_margin=null", "trainer.max_updates=9")
    assert signature(other, **options) != signature(config, **options)


UNIFORM = {"entropy": 2.0, "uniform": 2.0}
FOCUSED = {"entropy": 1.9, "uniform": 2.0}


@pytest.mark.parametrize(
    ("r2", "layers", "expected"),
    [
        (0.505, [FOCUSED, UNIFORM], True),
        (0.2, [UNIFORM], True),  # it has not learned even that
        (0.505, [FOCUSED], False),
        (0.515, [UNIFORM], False),
        (0.505, [], True),
        (0.495, [], True),
        (0.485, [], False),  # without attention, worse than ridge is no plateau
        (float("nan"), [UNIFORM], False),
    ],
)
def test_the_plateau_is_where_nothing_beyond_ridge_is_learned(r2, layers, expected):
    assert on_plateau(r2, 0.5, layers) is expected
    assert not on_plateau(r2, None, layers)


def test_escape_is_the_first_epoch_above_ridge():
    rows = [
        {"epoch": i, "updates": 3 * (i + 1), "val_r2_mean": r2}
        for i, r2 in enumerate((float("nan"), 0.3, 0.505, 0.511, 0.4, 0.6))
    ]
    assert find_escape(rows, 0.5) == {"epoch": 3, "updates": 12}
    assert find_escape(rows, 0.55) == {"epoch": 5, "updates": 18}
    assert find_escape(rows, 0.59) is None and find_escape(rows, None) is None


class Val:
    def __init__(self, r2):
        self.r2_mean, self.r2, self.pearson, self.loss = r2, torch.tensor([]), torch.tensor([]), 0.0


@given(
    st.lists(st.tuples(st.sampled_from((0.3, 0.4, 0.5, 0.6)), st.booleans()), min_size=1),
    st.integers(1, 3),
)
def test_patience_counts_epochs_since_the_best_and_since_the_plateau(epochs, patience):
    """Against the rule, written out: with ridge at 0.45, 0.5 and more are above the plateau.

    Resumed after every epoch.
    """
    state = TrainingState([], "r2", patience, 99, 3, ridge_r2=0.45, ridge_margin=0.01)
    waited, best = 0, -1.0
    for r2, is_uniform in epochs:
        is_on_plateau = r2 < 0.46 and is_uniform
        waited = 0 if r2 > best or is_on_plateau else waited + 1
        best = max(best, r2)
        restored = TrainingState([], "r2", patience, 99, 3, ridge_r2=0.45, ridge_margin=0.01)
        restored.restore(state.state())
        layer = UNIFORM if is_uniform else FOCUSED
        restored.close(0.0, Val(r2), 0.1, 0.0, lambda layer=layer: [FOCUSED, layer])
        assert restored.exhausted is (waited >= patience)
        state = restored


def trained(folder, *overrides, ridge_r2):
    """A Rijal model on noise, whose attention stays uniform; its epochs."""
    config = compose(
        *small("rijal_attention"), *TRAINER, "optim.lr=1e-4", "trainer.max_epochs=9", *overrides
    )
    request = FitRequest(config, random_prepared(), folder, lambda rows: None, ridge_r2=ridge_r2)
    fitted = fit_model(*request)
    best = max(row["val_r2_mean"] for row in fitted.rows)
    return len(fitted.rows), [row["val_r2_mean"] for row in fitted.rows].index(best)


def test_patience_waits_for_a_model_whose_attention_is_uniform(tmp_path):
    patience, rule = "trainer.patience=1", "trainer.ridge_margin=0.01"
    epochs, _ = trained(tmp_path / "plateau", patience, rule, ridge_r2=0.9)
    assert epochs == 9
    for i, (ridge_r2, *margin) in enumerate(
        [(None, rule), (-9.0, rule), (0.9, "trainer.ridge_margin=null")]
    ):  # no ridge; above it; without the rule
        epochs, best = trained(tmp_path / str(i), patience, *margin, ridge_r2=ridge_r2)
        assert epochs == best + 2 < 9
