"""Ready configs for looking at a problem: what they set, and that they leave no trace."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from g2p.config.compose import compose_config
from g2p.config.registry import GROUPS, OVERLAYS, choices
from g2p.config.schema import TOP_LEVEL
from g2p.core.errors import G2PError
from g2p.runs.resolve import resolve_run
from tests.helpers.command import train
from tests.helpers.configs import paths


@pytest.mark.parametrize("name", choices("debug"))
@pytest.mark.parametrize("other", ["data=byxrm", "model=ridge", "optim=adamw", "seed=3"])
def test_it_goes_with_every_choice(name, other):
    config = compose_config([f"debug={name}", other], of_many=True)
    assert set(config) == {*GROUPS, *TOP_LEVEL, "paths"}
    assert not any(group in config for group in OVERLAYS)
    assert config["logger"] == {"name": "none"} and config["trainer"]["accelerator"] == "cpu"
    group, value = other.split("=")
    assert value in (str(config[group]), getattr(config[group], "name", None))


def test_the_signature_is_of_what_it_sets(tmp_path):
    written_out = [
        "data.strains=300", "data.loci=32", "trainer=cpu", "trainer.max_epochs=2", "logger=none",
    ]  # fmt: skip
    fast, other = (
        resolve_run(compose_config([*overrides, *paths(tmp_path)])).directory
        for overrides in (["debug=fast"], written_out)
    )
    assert fast == other


def test_what_the_user_sets_wins():
    config = compose_config(
        ["debug=overfit", "trainer.max_epochs=7", "data.strains=400", "optim=adamw"]
    )
    assert config["trainer"]["max_epochs"] == 7 and config["data"]["strains"] == 400
    assert config["optim"]["name"] == "adamw" and config["trainer"]["patience"] is None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "debug=fats",
            "Did you mean 'fast'? debug is one of fast, overfit",
        ),
        ("+debug=fast", "leave out the +"),
    ],
)
def test_a_wrong_one_is_refused(override, message):
    with pytest.raises(G2PError) as error:
        compose_config([override])
    assert message in str(error.value)


@pytest.mark.slow
def test_a_model_that_can_learn_fits_few_strains(tmp_path):
    options = ("debug=overfit", "phenotype=cu", "trainer.max_epochs=80", "optim.lr=3e-3")
    small = ("model.embedding_dim=32", "model.num_layers=1", "model.ffn_dim=64")
    done = train(*options, *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.splitlines()[-1].removeprefix("run: "))
    losses = pq.read_table(folder / "history.parquet")["train_loss"].to_pylist()
    assert len(losses) == 80 and losses[-1] < 0.1 * losses[0]
    assert json.loads((folder / "metrics.json").read_text())["epochs"] == 80
    assert not (tmp_path / "wandb").exists()
