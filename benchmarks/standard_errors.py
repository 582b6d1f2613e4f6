"""What a panel's standard errors are worth: `python -m benchmarks.standard_errors [key=value ...]`.

Squared residuals of a good model against squared standard errors, by decile of the standard error
and by decile of the prediction. Residuals are out of fold, among the training strains of the
split alone. Were the errors calibrated and the model perfect, both columns would be equal; the
model's own error can only add to its residuals. A decile whose squared residuals are below its
squared errors therefore has errors that are too large. Writes standard_errors.csv.

Options are those of train.py, such as model=linear_pairwise; the default is model=rkhs on
data=bbq_li.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.model_selection import KFold

from benchmarks.training_run import RESULTS
from g2p.baselines import build_baseline
from g2p.config.compose import compose_config
from g2p.runs.resolve import resolve_run

DEFAULTS = {"data": "bbq_li", "model": "rkhs", "logger": "none"}
DECILES = 10


def out_of_fold(model: dict, genotypes: np.ndarray, y: np.ndarray, folds: int) -> np.ndarray:
    """Return predictions (n,) of strains that each lay in none of the folds fitted on."""
    predicted = np.empty(len(y))
    splits = list(KFold(folds, shuffle=True, random_state=0).split(y))
    centre, spread = y.mean(), y.std()
    for train, test in track(splits, description=model["name"]):
        standardised = ((y[train] - centre) / spread)[:, None]
        fitted = build_baseline(model).fit(genotypes[train], standardised)
        predicted[test] = centre + spread * fitted.predict(genotypes[test])[:, 0]
    return predicted


def by_decile(of: str, key: np.ndarray, y, predicted, error) -> list[dict]:
    """Return a row for each decile of `key`."""
    rows = []
    for number, chosen in enumerate(np.array_split(np.argsort(key), DECILES), start=1):
        residual2 = np.square(y[chosen] - predicted[chosen])
        rows.append({
            "by": of,
            "decile": number,
            "strains": len(chosen),
            "from": float(key[chosen[0]]),
            "to": float(key[chosen[-1]]),
            "phenotype": float(y[chosen].mean()),
            "predicted": float(predicted[chosen].mean()),
            "squared_error": float(np.square(error[chosen]).mean()),
            "squared_residual": float(residual2.mean()),
            "squared_residual_se": float(residual2.std(ddof=1) / np.sqrt(len(chosen))),
        })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--phenotype", default="li")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the CSV")
    options = parser.parse_intermixed_args()
    chosen = {text.partition("=")[0] for text in options.overrides}
    defaults = [f"{key}={value}" for key, value in DEFAULTS.items() if key not in chosen]
    overrides = [*defaults, *options.overrides, f"phenotype={options.phenotype}"]
    config = compose_config(overrides)
    resolved = resolve_run(config)
    panel, (column,) = resolved.panel, resolved.columns
    if panel.standard_errors is None:
        parser.error("this panel has no standard errors.")
    y, error = panel.phenotypes[:, column], panel.standard_errors[:, column]
    rows = resolved.split["train"]
    rows = rows[np.isfinite(y[rows]) & np.isfinite(error[rows])]
    y, error = y[rows], error[rows]
    predicted = out_of_fold(config.model, panel.genotypes[rows], y, options.folds)

    table = by_decile("standard_error", error, y, predicted, error)
    table += by_decile("predicted", predicted, y, predicted, error)
    options.out.mkdir(exist_ok=True)
    pa.csv.write_csv(pa.Table.from_pylist(table), options.out / "standard_errors.csv")
    console = Console()
    for of in ("standard_error", "predicted"):
        shown = Table(title=f"{config.model.name}, out of fold, by decile of {of}")
        names = ["decile", "from", "to", "phenotype", "squared_error", "squared_residual"]
        for name in names:
            shown.add_column(name.replace("_", "\n"), justify="right")
        for row in table:
            if row["by"] == of:
                shown.add_row(str(row["decile"]), *(f"{row[name]:.3g}" for name in names[1:]))
        console.print(shown)
    residual2 = np.square(y - predicted)
    error2 = np.square(error)
    console.print(
        f"{len(y)} strains. R2 {1 - residual2.mean() / y.var():.4f}; "
        f"1 - mean(se^2) / variance {1 - error2.mean() / y.var():.4f}.\n"
        f"Correlation of the standard error with the phenotype {np.corrcoef(error, y)[0, 1]:.3f}, "
        f"with the prediction {np.corrcoef(error, predicted)[0, 1]:.3f}; "
        f"of se^2 with the squared residual {np.corrcoef(error2, residual2)[0, 1]:.3f}."
    )


if __name__ == "__main__":
    main()
