"""Seed ensembles as a run: against the runs of their members, killed, restored and explained."""

import shutil
from statistics import fmean

import numpy as np
import pandas as pd
import pytest
import yaml
from lightning import Callback

import g2p
from g2p.core.console import Console
from g2p.core.errors import DamagedRunError
from g2p.runs import execute
from g2p.runs import run as runs
from g2p.runs.directory import RunDirectory
from g2p.runs.figures import learning_curve
from g2p.runs.load import restore
from g2p.runs.packed_runs import _kind
from g2p.runs.resolve import resolve_run
from g2p.runs.run import obtain_run
from g2p.study.cost import cost
from g2p.study.sizes import Sizes
from g2p.study.training_time import training_seconds
from g2p.training import fit
from g2p.training.ensemble import member_seed
from tests.helpers.configs import SMALL, but, compose, paths
from tests.helpers.studies import run_study

QUIET = Console(quiet=True)
RUN = (*but(SMALL, "data.strains=160"), "phenotype=[23C,cu]")


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """An ensemble's run, and those of its members."""
    folder = tmp_path_factory.mktemp("ensemble")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        together = g2p.train(*RUN, "trainer.ensemble=3")
        alone = [g2p.train(*RUN, f"seed={member_seed(0, number)}") for number in range(3)]
    return together, alone


def test_it_is_the_mean_of_runs_of_its_members_seeds(three):
    together, alone = three
    predicted = [run.predictions["predicted"].to_numpy() for run in alone]
    mean = together.predictions["predicted"].to_numpy()
    np.testing.assert_allclose(mean, np.mean(predicted, axis=0), rtol=1e-5, atol=1e-6)
    assert not np.allclose(predicted[0], predicted[1], rtol=1e-3)
    for member, run in zip(together.metrics["members"], alone, strict=True):
        assert member["best_epoch"] == run.metrics["best_epoch"] and member["epochs"] == 3
        assert member["updates"] == run.metrics["updates"]
        for subset in ("val", "test"):
            assert member[f"{subset}_r2_mean"] == pytest.approx(
                run.metrics[subset]["r2_mean"], abs=1e-6
            )
    r2 = [run.metrics["test"]["r2_mean"] for run in alone]
    assert together.metrics["test"]["r2_mean"] > fmean(r2)  # by Jensen's inequality
    sizes = [run.metrics["num_parameters"] for run in (together, *alone)]
    assert sizes[0] == sum(sizes[1:])


def test_its_history_is_that_of_its_members_in_turn(three):
    together, alone = three
    history = together.history
    assert history["epoch"].tolist() == list(range(9))
    assert history["member"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert (history["updates"].diff().dropna() == history["updates"][0]).all()
    losses = np.concatenate([run.history["val_loss"] for run in alone])
    np.testing.assert_allclose(history["val_loss"], losses, rtol=1e-6)
    figure = learning_curve(RunDirectory(together.folder), together.metrics)
    lines = figure.axes[1].get_lines()
    curves = [line.get_ydata() for line in lines if len(line.get_xdata()) == 3]
    np.testing.assert_array_equal(np.concatenate(curves), history["val_r2_mean"])
    assert together.metrics["updates"] == 3 * alone[0].metrics["updates"]
    assert together.metrics["flops"] == 3 * alone[0].metrics["flops"]


def test_seeds_of_members_are_no_other_runs():
    seeds = [member_seed(seed, number) for seed in range(50) for number in range(20)]
    assert len(set(seeds)) == len(seeds)
    assert [member_seed(seed, 0) for seed in range(50)] == list(range(50))


def test_it_predicts_and_is_explained_from_its_checkpoint_alone(three, tmp_path):
    together, alone = three
    folder = shutil.copytree(together.folder, tmp_path / together.folder.name)
    shutil.rmtree(folder / "members")
    run = g2p.load_run(folder)
    cache = f"paths.cache={together.folder.parent.parent / '.cache'}"
    panel = g2p.load_panel("data.strains=160", "data.loci=32", cache)
    expected = np.mean([each.predict(panel).to_numpy() for each in alone], axis=0)
    np.testing.assert_allclose(run.predict(panel), expected, rtol=1e-5, atol=1e-6)
    explanation = run.explain(strains=20)
    singles = [each.explain(strains=20).effects["effect"].to_numpy() for each in alone]
    effects = explanation.effects["effect"].to_numpy()
    np.testing.assert_allclose(effects, np.mean(singles, axis=0), rtol=1e-4, atol=1e-6)
    maps = [each.explain(strains=20).attention["weight"].to_numpy() for each in alone]
    assert set(explanation.attention["layer"]) == {1}
    weights = explanation.attention["weight"]
    np.testing.assert_allclose(weights, np.mean(maps, axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("change", [{"ensemble": "3"}, {"ensemble": 0}, {"ensemble": True}])
def test_a_damaged_number_of_networks_is_named(three, tmp_path, change):
    folder = shutil.copytree(three[0].folder, tmp_path / three[0].folder.name)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["trainer"] |= change
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "checksums.json").unlink()
    with pytest.raises(DamagedRunError, match=r"trainer\.ensemble is no number of networks"):
        restore(RunDirectory(folder), "cpu")


def killed_after(monkeypatch, epochs: int) -> list[int]:
    """Have trainings end with an error once after so many epochs; return what they trained."""
    trained = []

    def killed(config, data, folder, on_epoch, *others):
        def stop(rows):
            on_epoch(rows)
            trained.append(len(rows))
            if len(trained) == epochs:
                raise RuntimeError("killed")  # Lightning takes a KeyboardInterrupt for its own

        return fit.fit_model(config, data, folder, stop, *others)

    monkeypatch.setattr(runs, "fit_model", killed)
    return trained


@pytest.mark.parametrize("force", ["force=false", "force=true"])
@pytest.mark.parametrize("epoch", [2, 4, 6])
def test_killed_in_any_member_it_ends_with_the_same_numbers(
    three, tmp_path, monkeypatch, epoch, force
):
    together, _ = three
    arguments = [*RUN, "trainer.ensemble=3", *paths(tmp_path)]
    trained = killed_after(monkeypatch, epoch)
    with pytest.raises(RuntimeError, match="killed"):
        g2p.train(*arguments, force)
    assert trained == list(range(1, epoch + 1))
    run = g2p.train(*arguments, force)
    assert trained[epoch:] == list(range(epoch + 1, 10))  # no epoch twice
    np.testing.assert_array_equal(run.predictions, together.predictions)
    assert run.metrics["members"] == together.metrics["members"]


def test_begun_again_it_trains_every_member(tmp_path):
    short = but(RUN, "trainer.max_epochs=1")
    config = compose(*short, "trainer.ensemble=2", *paths(tmp_path))
    directory = obtain_run(config, None, QUIET)
    assert directory.metrics()["epochs"] == 2
    member = directory.folder / "members" / "1" / "best.ckpt"
    before = member.stat().st_mtime_ns
    obtain_run(config.replace(force=True), None, QUIET)
    assert member.stat().st_mtime_ns > before
    assert directory.remove() == [] and not directory.folder.exists()


class StopsAfterTwo(Callback):
    """A user's callback that ends each network's training."""

    def on_train_epoch_end(self, trainer, module):
        trainer.should_stop = trainer.current_epoch == 1


def test_a_network_that_a_callback_stopped_is_not_trained_on(tmp_path, monkeypatch):
    """Killed in the second network, the first is as it was."""
    stops = f"trainer.callbacks=[{__name__}.StopsAfterTwo]"
    arguments = [*RUN, "trainer.ensemble=2", stops]
    whole = g2p.train(*arguments, *paths(tmp_path / "whole"))
    assert whole.history["member"].tolist() == [0, 0, 1, 1]
    killed_after(monkeypatch, 3)
    with pytest.raises(RuntimeError, match="killed"):
        g2p.train(*arguments, *paths(tmp_path / "killed"))
    run = g2p.train(*arguments, *paths(tmp_path / "killed"))
    assert run.history["val_loss"].tolist() == whole.history["val_loss"].tolist()


def test_its_escape_is_that_of_its_first_network(three, tmp_path, monkeypatch):
    """Though another may escape, or all of them train on."""
    together, alone = three
    monkeypatch.chdir(together.folder.parent.parent)
    monkeypatch.setattr(
        execute, "find_escape", lambda rows, ridge: {"epoch": 0, "updates": len(rows)}
    )
    run = g2p.train(*RUN, "trainer.ensemble=3", *paths(tmp_path))
    assert run.metrics["escape"]["updates"] == 3


def test_one_network_is_the_run_of_before():
    plain = compose(*RUN)
    before = plain.replace(trainer={k: v for k, v in plain.trainer.items() if k != "ensemble"})
    names = [
        resolve_run(config).directory.folder.name
        for config in (plain, before, compose(*RUN, "trainer.ensemble=2"))
    ]
    assert names[0] == names[1] != names[2]


def test_what_it_costs_is_that_of_its_members():
    one, three = (compose(*RUN, "trainer=cpu", f"trainer.ensemble={n}") for n in (1, 3))
    sizes = Sizes(n_loci=32, n_phenotypes=2, n_train=120, n_val=20)
    assert training_seconds(three, sizes) == pytest.approx(3 * training_seconds(one, sizes))
    assert cost(three, sizes).flops == 3 * cost(one, sizes).flops
    assert cost(three, sizes).parameters == 3 * cost(one, sizes).parameters
    assert _kind(one) is not None and _kind(three) is None  # it is not packed with others


def test_fine_tuning_starts_each_member_from_one_base(tmp_path):
    changes = ("phenotype=[23C,25C,cu]", "trainer.max_epochs=1")
    arguments = (*but(RUN, *changes), "trainer.ensemble=2", *paths(tmp_path))
    transfer = ("transfer=target", "transfer.target=cu", "transfer.method=finetuned")
    run = g2p.train(*arguments, *transfer)
    assert len(run.metrics["members"]) == 2
    (base,) = (f for f in (tmp_path / "runs").iterdir() if f.name != run.folder.name)
    assert not (base / "members").exists()


@pytest.mark.slow
def test_it_is_an_arm_of_a_study(tmp_path):
    study = """
factors:
  model:
    one: {model: transformer}
    three: {model: transformer, trainer.ensemble: 3}
phenotypes: [cu]
seeds: [0, 1, 2]
seed_keys: [split.seed]
compare: [[one, three]]
set: {data.strains: 160, data.loci: 16, model.embedding_dim: 16, model.num_heads: 2,
      model.ffn_dim: 16, trainer.max_epochs: 2, trainer.accelerator: cpu}
sizes: {laptop: {}}
"""
    done, folder = run_study(tmp_path / "study", study)
    assert done.returncode == 0, done.stderr
    results = g2p.load_study(folder)
    (effect,) = results.effects.to_dict("records")
    assert (effect["a"], effect["b"]) == ("one", "three") and effect["mean"] > 0
    assert results.results["updates"].nunique() == 1  # of each network: escapes are compared by it
    drawn = pd.read_csv(folder / "figures" / "learning_curves.csv")
    curves = drawn[drawn["arm"] == "three"]
    assert set(curves["kind"]) == {"first network of an ensemble"}
    assert sorted(curves["epoch"]) == [1, 1, 1, 2, 2, 2]
    assert "Of an ensemble, its first network." in (folder / "report.html").read_text()
    sizes = results.results.drop_duplicates("signature")["num_parameters"]
    assert set(sizes) == {sizes.min(), 3 * sizes.min()}
