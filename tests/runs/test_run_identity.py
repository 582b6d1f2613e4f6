"""The run that a config means: two spellings of one config are one run."""

import json

from g2p.runs.run import run
from tests.helpers.configs import SMALL_RIDGE, compose, paths


def test_zero_written_two_ways_is_one_run(tmp_path):
    written = (f"data.missing_rate={zero}" for zero in ("0", "0.0"))
    folders = {run(compose(*SMALL_RIDGE, *paths(tmp_path), rate)) for rate in written}
    assert len(folders) == 1


def test_one_phenotype_two_names_one_run(small):
    assert run(small("phenotype=YPD")) == run(small("phenotype=30C"))


def test_seed_zero_is_a_seed(quick, tmp_path):
    folders = {run(quick(f"seed={seed}")) for seed in (0, 1)}
    r2 = {json.loads((f / "metrics.json").read_text())["test"]["r2_mean"] for f in folders}
    assert len(folders) == len(r2) == 2
    again = run(quick("seed=0", f"paths.runs={tmp_path / 'again'}"))
    assert json.loads((again / "metrics.json").read_text())["test"]["r2_mean"] in r2


def test_the_order_of_phenotypes_does_not_make_another_run(small):
    assert run(small("phenotype=[cu,23C]")) == run(small("phenotype=[23C,cu]"))
