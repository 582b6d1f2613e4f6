"""Published experiments by name: the settings that the papers and their run records state."""

import pytest

from g2p.config.compose import compose_config
from g2p.config.registry import choices
from g2p.study.design import load_study
from tests.helpers.command import train
from tests.helpers.configs import paths

COMMON = {"data.name": "bbq", "split.name": "published", "optim.lr": 1e-3, "trainer.patience": None}
# Of Rijal et al. 2025 and Arcadia Science 2025, typed from their methods and run records.
PUBLISHED = {
    "rijal_single": {
        "model.name": "rijal_attention", "model.num_layers": 3, "model.embedding_dim": 13,
        "model.init_scale": 0.03, "optim.name": "adam", "trainer.max_epochs": 200,
        "trainer.batch_size": 64, "trainer.drop_last": True, "trainer.monitor": "r2",
        "data.missing": "drop_strain",
    },
    "rijal_multienv": {
        "model.name": "rijal_multienv", "model.num_layers": 3, "model.own_columns": True,
        "model.init_scale": 0.03, "optim.name": "adam", "trainer.max_epochs": 3000,
        "trainer.batch_size": 72, "trainer.drop_last": True, "data.missing": "mask",
    },
    "arcadia_rijal": {
        "model.name": "rijal_attention", "model.embedding_dim": 13, "optim.name": "adam",
        "trainer.max_epochs": 200, "trainer.batch_size": 64, "trainer.drop_last": False,
        "trainer.monitor": "loss",
    },
    "arcadia_canonical": {
        "model.name": "pooled_attention", "model.num_layers": 3, "model.embedding_dim": 128,
        "model.skip": False, "model.layer_norm": False, "model.scaled": False,
        "model.init_scale": 0.03, "optim.name": "adamw", "optim.weight_decay": 0.0,
        "trainer.max_epochs": 100, "trainer.batch_size": 64, "trainer.drop_last": False,
        "trainer.monitor": "loss", "data.missing": "drop_strain",
    },
    "arcadia_transformer": {
        "model.name": "transformer", "model.num_layers": 3, "model.embedding_dim": 256,
        "model.num_heads": 4, "model.ffn_dim": 1024, "model.skip": True, "model.layer_norm": True,
        "model.dropout": 0.0, "model.init_scale": 1.0, "optim.name": "adamw",
        "optim.weight_decay": 0.0, "trainer.max_epochs": 80, "trainer.batch_size": 64,
        "trainer.monitor": "loss", "data.missing": "drop_strain",
    },
}  # fmt: skip
# The study that has the same runs, and its first arm that is one.
STUDIES = {
    "rijal_single": ("fig3", "rijal"), "arcadia_canonical": ("canonical", "canonical"),
    "arcadia_transformer": ("transformer", "transformer"),
}  # fmt: skip


def test_each_has_its_settings_here():
    assert PUBLISHED.keys() == set(choices("experiment"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_experiment_has_its_published_settings(name):
    config = compose_config([f"experiment={name}"])
    for key, value in (COMMON | PUBLISHED[name]).items():
        section, _, option = key.partition(".")
        assert config[section][option] == value, key


@pytest.mark.parametrize("name", STUDIES)
def test_an_experiment_is_a_run_of_its_study(name):
    study, arm = STUDIES[name]
    spec = load_study(study, "full", lambda common: ["30C"])
    point = next(point for point in spec.points if point.factors["model"] == arm)
    overrides = [f"{key}={'null' if v is None else v}" for key, v in point.overrides.items()]
    phenotype = [f"phenotype={point.overrides.get('phenotype', 'all')}"]
    assert compose_config(overrides) == compose_config([f"experiment={name}", *phenotype])


def test_an_override_changes_an_experiment(tmp_path):
    small = ("data=simulated", "split=random", "data.strains=120", "data.loci=16", "logger=none")
    done = train(
        "experiment=arcadia_canonical", *small, "trainer.max_epochs=1", "model.embedding_dim=8",
        *paths(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0 and "run: " in done.stdout, done.stderr
    wrong = train("experiment=arcadia", cwd=tmp_path)
    assert wrong.returncode == 1 and "Did you mean 'arcadia_rijal'" in wrong.stderr
