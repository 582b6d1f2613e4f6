"""The studies of size laptop: fair arms, replicates with a split of their own, shared runs."""

import pytest

from g2p.study.design import load_study
from g2p.study.expand import resolve
from tests.helpers.configs import SMALL_RIDGE, paths

RATES = [3e-4, 1e-3, 3e-3]


def runs_of(name, tmp_path, size="laptop", select=("optim.lr",), **options):
    """Resolved on a small panel, since that of bbq_li need not be here."""
    overrides = ["data=simulated", *SMALL_RIDGE[:2], "phenotype=cu", *paths(tmp_path)]
    study = load_study(name, size, lambda common: ["cu"], {"phenotype": "cu"})
    assert study.select == select
    return resolve(study, [*overrides, "logger=none"], **options)


@pytest.mark.parametrize(
    ("name", "arms", "seeds"), [("ladder", 12, 5), ("layers", 8, 5), ("ablation", 12, 3)]
)
def test_every_arm_has_the_same_budget_and_rates(name, arms, seeds, tmp_path):
    runs = [run for run in runs_of(name, tmp_path) if run.config.model.is_trained]
    assert len(runs) == arms * len(RATES) * seeds
    budget = ("max_epochs", "max_updates", "patience", "batch_size")
    assert {tuple(getattr(run.config.trainer, key) for key in budget) for run in runs} == {
        (None, 12_000, None, 64)
    }
    for run in runs:
        assert run.config.split.seed == run.config.seed
    assert {run.config.optim.lr for run in runs} == set(RATES)


def test_the_ablation_removes_one_component_from_the_top_of_the_ladder(tmp_path):
    ladder, ablation = (runs_of(name, tmp_path) for name in ("ladder", "ablation"))
    top = [run for run in ladder if run.factors["rung"] == "optimizer"]
    arms = {}
    for run in ablation:
        arms.setdefault(run.factors["without"], []).append(run)
    before = [run for run in ladder if run.factors["rung"] == "initialisation"]
    for name, rung in (("nothing", top), ("optimizer", before)):
        shared = {run.signature for run in rung if run.config.seed < 3}
        assert {run.signature for run in arms[name]} == shared
    full = arms["nothing"][0].config
    for name, runs in arms.items():
        config = runs[0].config
        changed = [key for key in full["model"] if config["model"][key] != full["model"][key]]
        changed += ["optim"] * (config.optim.name != full.optim.name)
        assert len(changed) == (name != "nothing")


def test_scaling_has_the_same_updates_at_every_number_of_strains(tmp_path):
    runs = runs_of("scaling", tmp_path, make_splits=False)  # the small panel has too few strains
    networks = [run for run in runs if run.config.model.is_trained]
    sizes, seeds = 5, 4
    assert len(networks) == 2 * sizes * len(RATES) * seeds
    assert len(runs) == len(networks) + 5 * sizes * seeds
    assert len({run.config.split.n_train for run in networks}) == sizes
    for run in networks:
        trainer = run.config.trainer
        assert (trainer.max_epochs, trainer.max_updates, trainer.patience) == (None, 12_000, None)
        assert run.config.split.seed == run.config.seed


def test_opponents_leave_the_same_strains_out(tmp_path):
    runs = runs_of("opponents", tmp_path)
    closed_forms, networks, folds = 7, 3, 10
    rates = 1 + 3  # on bbq_li and on byxrm, which are one panel here
    assert len(runs) == (closed_forms + rates * networks) * folds
    splits = {}
    for run in runs:
        splits.setdefault(run.config.model.name, set()).add(repr(run.config.split))
    assert len(set(map(frozenset, splits.values()))) == 1 and len(splits["ridge"]) == 10
