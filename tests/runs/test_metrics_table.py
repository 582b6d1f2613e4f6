"""The table that a run ends with."""

import json

from g2p.core.console import Console
from g2p.runs.metrics_table import print_table
from g2p.runs.run import run


def test_the_table_holds_the_metrics(small, capsys):
    folder = run(small("phenotype=[23C,cu]"))
    metrics = json.loads((folder / "metrics.json").read_text())
    out = capsys.readouterr().out
    for name in ("23C", "cu"):
        line = next(line for line in out.splitlines() if f" {name} " in line)
        for value in (
            metrics["test"]["r2"][name],
            metrics["test"]["pearson"][name],
            metrics["ridge"]["test"]["r2"][name],
            metrics["noise_ceiling"][name],
        ):
            assert f"{value:.3f}" in line
        assert f" {metrics['test']['n'][name]} " in line


def test_a_noise_ceiling_of_some_phenotypes_only(capsys):
    metrics = {
        "model": "ridge", "seed": 0, "ridge": None, "noise_ceiling": {"cu": 0.75},
        "test": {"r2": {"23C": 0.25, "cu": 0.5}, "pearson": {"23C": 0.5, "cu": 0.7},
                 "n": {"23C": 40, "cu": 41}},
    }  # fmt: skip
    metrics["ridge"] = {"test": {"r2": {"23C": 0.25, "cu": 0.5}}}  # of itself: the same again
    print_table(metrics, Console(width=100))
    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines() if "│" in line}
    assert "0.750" in lines["cu"] and "0.750" not in lines["23C"] + lines["mean"]
    assert lines["mean"].count("0.375") == 1
