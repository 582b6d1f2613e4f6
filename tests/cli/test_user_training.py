"""A user's own losses, metrics and callbacks, named in the group `trainer`."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from g2p.config.compose import compose_config
from g2p.runs.signature import signature
from tests.helpers.command import train
from tests.helpers.configs import SMALL, but, paths
from tests.helpers.user_package import CALLBACKS, LOSSES, SCORES, write_package

FIT = (*but(SMALL, "trainer.max_epochs=3", "data.strains=120"), "phenotype=[23C,cu]")


def run_of(done) -> Path:
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1].removeprefix("run: "))


@pytest.mark.slow
def test_a_users_loss_is_minimised(tmp_path):
    """One equal to ours gives its numbers, values that are missing included; another does not."""
    write_package(tmp_path)
    histories = {}
    for loss in ("null", "my_pkg.losses.squared", "my_pkg.losses.whole", "my_pkg.losses.absolute"):
        run = run_of(train(*FIT, f"trainer.loss={loss}", cwd=tmp_path))
        histories[loss] = pq.read_table(run / "history.parquet")["train_loss"].to_pylist()
    assert len(set((tmp_path / "runs").iterdir())) == 4
    ours, squared, whole, absolute = histories.values()
    assert squared == pytest.approx(ours, rel=1e-6) and whole == pytest.approx(ours, rel=1e-6)
    assert absolute != pytest.approx(ours, rel=1e-2)


@pytest.mark.slow
def test_a_users_loss_and_network_in_two_processes(tmp_path):
    """Each process imports the package; the loss of a batch is that of one process."""
    write_package(tmp_path)
    arguments = (
        "--config-dir", "my_conf", "data=mine", "model=mlp", "logger=none",
        "trainer.accelerator=cpu", "trainer.max_epochs=2", "trainer.loss=my_pkg.losses.absolute",
        "trainer.callbacks=[my_pkg.callbacks.Stop]",
    )  # fmt: skip
    losses = []
    for devices in (1, 2):
        run = run_of(train(*arguments, f"trainer.devices={devices}", cwd=tmp_path))
        losses.append(pq.read_table(run / "history.parquet")["train_loss"].to_pylist())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    (tmp_path / "my_pkg/losses.py").write_text(LOSSES.replace(".abs()", ".abs() / (1 // 0)"))
    done = train(*arguments, "trainer.devices=2", cwd=tmp_path)
    assert done.returncode == 1 and "The error is in code of your own" in done.stderr
    frames = [line for line in done.stderr.splitlines() if line.startswith("  File ")]
    assert frames[0].startswith(f'  File "{tmp_path}/my_pkg/losses.py", line 2')


@pytest.mark.parametrize("model", ["transformer", "ridge"])
def test_a_users_metric_scores_each_phenotype(tmp_path, model):
    """In original units, as a mean over what predictions.parquet has; also of a closed form."""
    write_package(tmp_path)
    quick = FIT if model == "transformer" else ("data.strains=120", "logger=none")
    overrides = (*quick, f"model={model}", "phenotype=[23C,cu]")
    overrides = (*dict.fromkeys(overrides), "trainer.metrics=[my_pkg.scores.mae]")
    run = run_of(train(*overrides, cwd=tmp_path))
    test = json.loads((run / "metrics.json").read_text())["test"]
    rows = pq.read_table(run / "predictions.parquet").to_pylist()
    for phenotype in ("23C", "cu"):
        errors = [
            abs(row["predicted"] - row["observed"]) for row in rows
            if (row["phenotype"], row["split"]) == (phenotype, "test")
            and row["observed"] is not None
        ]  # fmt: skip
        assert test["mae"][phenotype] == pytest.approx(sum(errors) / len(errors))
    without = run_of(train(*overrides[:-1], cwd=tmp_path))
    assert without != run
    before = json.loads((without / "metrics.json").read_text())["test"]
    assert before == {key: value for key, value in test.items() if key != "mae"}


def test_a_users_callback_takes_part(tmp_path):
    write_package(tmp_path)
    run = run_of(train(*FIT, "trainer.callbacks=[my_pkg.callbacks.Stop]", cwd=tmp_path))
    assert (tmp_path / "epochs.txt").read_text() == "0\n1\n"
    assert pq.read_metadata(run / "history.parquet").num_rows == 2


@pytest.mark.parametrize(
    ("override", "changes", "message"),
    [
        ("loss=tukey", {}, "trainer.loss must be huber, gaussian, or name code of your own by"),
        ("loss=my_pkg.losses.huber", {}, "losses.py defines no huber. It defines absolute"),
        ("loss=my_pkg.scores.mae", {"scores": "def mae(predicted): ..."},
         "scores.py:1: mae is no loss: write def mae(predicted_BP, observed_BP)"),
        ("loss=my_pkg.losses.absolute", {"losses": LOSSES.replace(".abs()", ".abs().sum()")},
         "my_pkg.losses.absolute returns shape (); it must return the loss of each value, (64, 2)"),
        ("loss=[my_pkg.losses.absolute]", {}, "trainer.loss must be of type str or null"),
        ("metrics=[my_pkg.scores.mae,my_pkg.scores.mae]", {}, "trainer.metrics names mae twice."),
        ("metrics=my_pkg.scores.mae", {}, "trainer.metrics must be of type list"),
        ("metrics=[my_pkg.scores.mae]", {"scores": SCORES.replace(".mean()", "")},
         "my_pkg.scores.mae returns ndarray; it must return a number."),
        ("metrics=[my_pkg.scores.r2]", {"scores": SCORES.replace("mae", "r2")},
         "r2, r2_mean, pearson, n, loss are scores already. Rename the function."),
        ("callbacks=[my_pkg.callbacks.Stop]", {"callbacks": CALLBACKS.replace("(L.Callback)", "")},
         "my_pkg.callbacks.Stop is not a lightning.Callback: write it as a subclass."),
        ("callbacks=[my_pkg.losses.absolute]", {},
         "losses.py:1: absolute is no callback: write class absolute(lightning.Callback)"),
    ],
)  # fmt: skip
def test_code_that_cannot_be_used(tmp_path, override, changes, message):
    write_package(tmp_path, **changes)
    done = train(*FIT, f"trainer.{override}", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and message in done.stderr
    assert done.stderr.count("\n") == 1


def test_code_that_is_not_named_is_no_part_of_a_signature(tmp_path, monkeypatch):
    """Nor does a closed form depend on a loss; on what is named it does, and on its code."""
    write_package(tmp_path / "code")
    (tmp_path / "code/my_pkg").rename(tmp_path / "signed")
    monkeypatch.syspath_prepend(tmp_path)

    def signed(*overrides: str) -> str:
        config = compose_config([*paths(tmp_path), *overrides])
        if not overrides:  # as a config of before has it
            added = ("loss", "metrics", "callbacks")
            trainer = {k: v for k, v in config.trainer.items() if k not in added}
            config = config.replace(trainer=trainer)
        return signature(config, data_fingerprint="d", phenotypes=["p"], accelerator="cpu")

    plain = signed()
    assert signed("trainer.loss=null") == plain == signed("trainer.metrics=[]")
    loss = signed("trainer.loss=signed.losses.absolute")
    assert loss[:8] != plain[:8]
    (tmp_path / "signed/losses.py").write_text(LOSSES.replace(".abs()", ".abs() * 2"))
    changed = signed("trainer.loss=signed.losses.absolute")
    assert changed[:8] == loss[:8] and changed[8:] != loss[8:]
    metric = signed("model=ridge", "trainer.metrics=[signed.scores.mae]")
    assert metric[:8] != signed("model=ridge")[:8]
