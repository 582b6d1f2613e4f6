"""`g2p score run=RUN data=SOURCE [data.key=value ...]`: score a finished run on another panel.

    run=RUN                a finished run's directory, or the name of one in paths.runs
    data=... data.key=...  a panel that has phenotypes of the run, by name
    out=FILE               the file to write, .csv or .parquet; default: scores.csv

missing_loci, match, code, accelerator, paths.* and --config-dir are those of g2p predict, whose
help says how loci are matched. n, R2, Pearson r and bias (mean of predicted - observed, original
units) are over all strains of the panel with a value. R2 counts a wrong mean as an error, r does
not.
"""

from g2p.cli.command import run_documented
from g2p.cli.predict import DEFAULTS, parse, with_run_and_panel
from g2p.runs.score import write_scores


def main() -> None:
    run_documented(_score, description=__doc__, interrupted="stopped; nothing was written.")


def _score(arguments: list[str]) -> None:
    options, overrides = parse(arguments, {**DEFAULTS, "out": "scores.csv"}, "g2p score")
    with_run_and_panel(options, overrides, write_scores)
