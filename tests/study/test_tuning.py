"""A value that a study's first seed chooses for all others."""

import json
import shutil

import pyarrow.parquet as pq
import pytest

from g2p.core.errors import G2PError, TrainingError
from g2p.runs.directory import RunDirectory
from g2p.runs.status import record_failure
from g2p.study.expand import resolve
from g2p.study.parts import Parts
from g2p.study.tuning import needed_runs
from tests.helpers.configs import SMALL_RIDGE, paths
from tests.helpers.studies import plan_study, run_study

NO_PARTS = Parts(())
RATES = [1e-4, 1e-3, 1e-2]
SPEC = {
    "factors": {"model.num_layers": [1, 2], "optim.lr": RATES}, "phenotypes": ["cu"],
    "seeds": [3, 1, 2], "seed_keys": ["split.seed"], "select": {"optim.lr": "first_seed"},
    "compare": "ladder",
}  # fmt: skip


def resolve_study(tmp_path, **more):
    study = plan_study(**SPEC, **more)
    return study, resolve(study, [*SMALL_RIDGE[:2], *paths(tmp_path), "logger=none"])


def finish(run, r2):
    """Write what a finished run's directory has of its validation."""
    folder = run.directory.folder
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"val": {"r2": {"cu": r2}}}))


def read_metrics(directory):
    """Return them as they are, since these runs have nothing else."""
    return json.loads((directory.folder / "metrics.json").read_text())


def test_before_the_first_seed_ends_its_first_candidate_stands_for_the_choice(tmp_path):
    study, runs = resolve_study(tmp_path)
    needed, undecided = needed_runs(study, runs, NO_PARTS)
    assert study.first_seed == 3 and len(runs) == 18
    assert len(needed) == 6 + 2 * 2
    others = [run for run in needed if run.config.seed != 3]
    assert {run.signature for run in others} == undecided
    assert {run.config.optim.lr for run in others} == {RATES[0]}


def test_the_best_on_validation_of_the_first_seed_is_trained_in_the_others(tmp_path, monkeypatch):
    """For each arm by itself; a failed candidate is never chosen."""
    monkeypatch.setattr(RunDirectory, "metrics", read_metrics)
    study, runs = resolve_study(tmp_path)
    scores = {(1, 1e-4): 0.1, (1, 1e-3): 0.3, (1, 1e-2): 0.2, (2, 1e-3): -0.5, (2, 1e-2): -0.9}
    for run in runs:
        key = run.config.model.num_layers, run.config.optim.lr
        if run.config.seed == 3 and key in scores:
            finish(run, scores[key])
        elif run.config.seed == 3:
            record_failure(run.directory, run.config, TrainingError("the loss became nan"))
    needed, undecided = needed_runs(study, runs, NO_PARTS)
    assert not undecided
    chosen = {
        (run.config.model.num_layers, run.config.seed): run.config.optim.lr
        for run in needed if run.config.seed != 3
    }  # fmt: skip
    assert chosen == {(1, 1): 1e-3, (1, 2): 1e-3, (2, 1): 1e-3, (2, 2): 1e-3}


def test_a_part_has_the_first_seed_too(tmp_path):
    study = plan_study(seeds_of_part=[7], **SPEC)
    assert [*dict.fromkeys(point.factors["seed"] for point in study.points)] == [3, 7]


def test_a_first_seed_without_the_arm_is_refused(tmp_path):
    drop = [{"if": {"model.num_layers": 2, "seed": 3}, "drop": True}]
    study, runs = resolve_study(tmp_path, when=drop)
    with pytest.raises(G2PError, match="cannot be chosen by seed 3, which has no run like"):
        needed_runs(study, runs, NO_PARTS)


def test_factors_are_chosen_in_one_way():
    select = {"optim.lr": "first_seed", "batch": "validation"}
    factors = SPEC["factors"] | {"batch": [{"trainer.batch_size": 32}, {"trainer.batch_size": 64}]}
    with pytest.raises(G2PError, match="select must choose all its factors in the same way"):
        plan_study(**SPEC | {"select": select, "factors": factors})


STUDY = """
factors:
  model:
    few: {model: lasso, phenotype: cu}
    many: {model: lasso, phenotype: 23C}
  model.folds: [2, 4]
seeds: [0, 1, 2]
seed_keys: [split.seed]
select: {model.folds: first_seed}
compare: [[few, many]]
sizes: {laptop: {}}
"""


def results_of(folder, *arguments):
    done, study = run_study(folder, STUDY, *arguments)
    assert done.returncode == 0, done.stderr
    return pq.read_table(study / "results.parquet").to_pandas()


@pytest.mark.slow
def test_a_study_trains_all_candidates_in_the_first_seed_alone(tmp_path):
    """And a part that runs elsewhere takes the choice from the first part's table."""
    whole = results_of(tmp_path / "whole")
    assert len([*(tmp_path / "whole" / "runs").iterdir()]) == 4 + 2 * 2
    val = whole[whole["split"] == "val"]
    for _, arm in val.groupby("model"):
        first = arm[arm["seed"] == 0]
        best = first.loc[first["r2"].idxmax(), "model.folds"]
        assert {*arm.loc[arm["seed"] != 0, "model.folds"]} == {best}
        assert first.loc[first["selected"], "model.folds"].tolist() == [best]
    results_of(tmp_path / "one", "seeds=0")
    table = tmp_path / "one.parquet"
    shutil.copy(tmp_path / "one" / "studies" / "mine-laptop" / "results.parquet", table)
    two = results_of(tmp_path / "two", "seeds=1,2", f"tables={table}")
    assert len([*(tmp_path / "two" / "runs").iterdir()]) == 2 * 2
    columns = ["model", "model.folds", "seed", "phenotype", "split", "r2", "selected"]
    assert two[columns].equals(whole[columns])
