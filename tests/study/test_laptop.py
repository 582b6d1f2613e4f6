"""The studies of size laptop: fair arms, replicates with a split of their own, shared runs."""

import pytest

from g2p.study.design import load_study
from g2p.study.expand import resolve
from tests.helpers.configs import SMALL_RIDGE, paths

RATES = [3e-4, 1e-3, 3e-3]


def runs_of(name, tmp_path, size="laptop"):
    """Resolved on a small panel, since that of bbq_li need not be here."""
    overrides = ["data=simulated", *SMALL_RIDGE[:2], "phenotype=cu", *paths(tmp_path)]
    study = load_study(name, size, lambda common: ["cu"], {"phenotype": "cu"})
    assert study.select == ("optim.lr",)
    return resolve(study, [*overrides, "logger=none"])


@pytest.mark.parametrize(
    ("name", "arms", "seeds"), [("ladder", 12, 5), ("layers", 8, 5), ("ablation", 12, 3)]
)
def test_every_arm_has_the_same_budget_and_rates(name, arms, seeds, tmp_path):
    runs = runs_of(name, tmp_path)
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
