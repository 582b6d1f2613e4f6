"""Cross-validated R2 on the BYxRM cross: `python -m benchmarks.byxrm_cv MODEL [key=value ...]`.

Ten folds, predictions pooled over the folds, each of the 12 phenotypes. A baseline trains on nearly
all strains outside the fold (2% are for validation, which it does not use). The runs go to
paths.runs like any other, so a second call only collects them. Writes byxrm_cv_MODEL.json.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.training_run import RESULTS, train_run
from g2p.config.registry import is_baseline


def fold_predictions(model: str, folds: int, fold: int, overrides: list[str]) -> pa.Table:
    """Return the test predictions of one fold's run."""
    split = [f"split.k={folds}", f"split.fold={fold}"]
    if is_baseline(model):
        split.append("split.val_share=0.02")
    folder = train_run(f"model={model}", "data=byxrm", "split=kfold", *split, *overrides)
    return pq.read_table(folder / "predictions.parquet", filters=[("split", "==", "test")])


def pooled_r2(predictions: pa.Table) -> dict[str, float]:
    """Return each phenotype's R2 over all strains, each predicted by the fold that held it out."""
    rows = predictions.to_pydict()
    phenotype = np.array(rows["phenotype"])
    observed, predicted = (np.array(rows[k], dtype=float) for k in ("observed", "predicted"))
    scores = {}
    for name in dict.fromkeys(rows["phenotype"]):
        chosen = (phenotype == name) & np.isfinite(observed)
        y, f = observed[chosen], predicted[chosen]
        scores[name] = 1 - ((y - f) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the JSON")
    options = parser.parse_intermixed_args()
    started = time.monotonic()
    tables = [
        fold_predictions(options.model, options.folds, fold, options.overrides)
        for fold in track(range(options.folds), description=options.model)
    ]
    r2 = pooled_r2(pa.concat_tables(tables))
    mean = float(np.mean(list(r2.values())))
    result = {
        "model": options.model,
        "overrides": [text for text in options.overrides if not text.startswith("paths.")],
        "folds": options.folds,
        "r2": r2,
        "r2_mean": mean,
        "seconds": time.monotonic() - started,
    }
    options.out.mkdir(exist_ok=True)
    text = json.dumps(result, indent=2) + "\n"
    (options.out / f"byxrm_cv_{options.model}.json").write_text(text)
    table = Table(title=f"{options.model}: R2 pooled over {options.folds} folds")
    table.add_column("phenotype")
    table.add_column("R2", justify="right")
    for name, value in [*r2.items(), ("mean", mean)]:
        table.add_row(name, f"{value:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
