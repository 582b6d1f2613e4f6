"""What weighting training strains gains: `python -m benchmarks.weights [key=value ...]`.

Test R2, unweighted, of the same run with data.weights=none and data.weights=inverse_variance, over
splits. Writes weights.csv, a row a model and split; rows of other models that are there stay.

Options are those of train.py, such as model=transformer; the default is model=ridge on data=bbq_li.
"""

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from rich.console import Console
from rich.progress import track

from benchmarks.training_run import RESULTS, train_run
from g2p.runs.directory import RunDirectory

DEFAULTS = {"data": "bbq_li", "model": "ridge", "split.test_share": "0.2"}
WEIGHTS = ("none", "inverse_variance")


def r2_by_split(overrides: list[str], splits: int) -> list[dict]:
    """Return a row for each split."""
    rows = []
    for seed in track(range(splits), description="splits"):
        row: dict = {}
        for weights in WEIGHTS:
            folder = train_run(*overrides, f"split.seed={seed}", f"data.weights={weights}")
            metrics = RunDirectory(folder).metrics()
            row |= {"model": metrics["model"], "split_seed": seed}
            row[weights] = metrics["test"]["r2_mean"]
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the CSV")
    options = parser.parse_intermixed_args()
    chosen = {text.partition("=")[0] for text in options.overrides}
    defaults = [f"{key}={value}" for key, value in DEFAULTS.items() if key not in chosen]
    table = pa.Table.from_pylist(r2_by_split([*defaults, *options.overrides], options.splits))
    file = options.out / "weights.csv"
    options.out.mkdir(exist_ok=True)
    if file.exists():
        before = pa.csv.read_csv(file)
        other = pc.invert(pc.is_in(before["model"], table["model"]))
        table = pa.concat_tables([before.filter(other), table])
    pa.csv.write_csv(table, file)
    console = Console()
    for model in table["model"].unique():
        rows = table.filter(pc.equal(table["model"], model))
        none, weighted = (rows[name].to_numpy() for name in WEIGHTS)
        console.print(
            f"{model}, {len(rows)} splits: R2 {none.mean():.4f} without weights, "
            f"{weighted.mean():.4f} with them, gain {(weighted - none).mean():+.4f}; higher in "
            f"{(weighted > none).sum()} splits."
        )


if __name__ == "__main__":
    main()
