"""Loci counted for an estimate against those of the run that is then prepared."""

import g2p
from g2p.runs.directory import RunDirectory
from g2p.runs.load import restore
from g2p.study import locus_counts
from g2p.study.expand import resolve
from g2p.study.locus_counts import LocusCounts
from tests.helpers.configs import SMALL, paths
from tests.helpers.studies import plan_study

NETWORK = {"model": "rijal_attention", "model.num_layers": 1, "trainer.max_epochs": 1}
SPEC = {
    "factors": {
        "data.max_correlation": [0.3, None],
        "model": {"network": NETWORK, "linear": {"model": "ridge"}},
        "split.fold": [0, 1],
    },
    "set": {"split": "kfold", "split.k": 3, "phenotype": "cu"},
}


def test_the_loci_of_a_run_after_pruning(tmp_path, monkeypatch):
    overrides = [*SMALL[:2], "logger=none", "trainer.accelerator=cpu", *paths(tmp_path)]
    runs = resolve(plan_study(**SPEC), overrides)
    calls = []
    prune = locus_counts.prune_genotypes
    monkeypatch.setattr(
        locus_counts, "prune_genotypes", lambda *options: calls.append(1) or prune(*options)
    )
    counts = LocusCounts()
    counted = {tuple(run.factors.values()): counts.of(run) for run in runs}
    first = next(run for run in runs if run.factors["model"] == "network")
    trained = restore(RunDirectory(g2p.train(*first.overrides).folder), "cpu")
    assert counted[0.3, "network", 0, 0] == len(trained.loci["id"]) < 32
    assert counted[0.3, "network", 1, 0] == counted[0.3, "network", 0, 0]  # folds are alike
    assert counted[0.3, "linear", 0, 0] == counted[0.3, "network", 0, 0]
    assert counted[None, "network", 0, 0] == 32
    assert len(calls) == 1
    monkeypatch.setattr(locus_counts, "MOST_GENOTYPES", 1000)
    assert LocusCounts().of(first) == 32
