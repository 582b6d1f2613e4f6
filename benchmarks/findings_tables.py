"""Write the tables of docs/findings/ that are means or extracts of the kept rows.

    python -m benchmarks.findings_tables

closed_forms_mean.csv  mean and standard error over splits, of closed_forms.csv
closed_forms_80_mean.csv  the same of closed_forms_80.csv
weights_mean.csv       what weights change, of benchmarks/results/weights.csv
ladder_rates.csv       each rung at each learning rate, on test strains, of ladder-*.parquet
ladder_replicates.csv  test R2 and updates to escape of each rung by replicate, and their means, at
                       the learning rate that the first replicate chose
"""

from pathlib import Path

import pandas as pd

from benchmarks.training_run import RESULTS

FINDINGS = Path(__file__).parent.parent / "docs" / "findings"
RATES = ["seed", "rung", "optim.lr", "r2", "ridge_r2", "updates", "escape_updates", "signature"]


def derive_tables() -> dict[str, pd.DataFrame]:
    """Return file name -> table."""
    closed_forms = {
        name: _means(pd.read_csv(FINDINGS / f"{name}.csv"), ["r2", "pearson"])
        for name in ("closed_forms", "closed_forms_80")
    }
    weights = pd.read_csv(RESULTS / "weights.csv")
    weights["gain"] = weights["inverse_variance"] - weights["none"]
    parts = [pd.read_parquet(file) for file in sorted(FINDINGS.glob("ladder-*.parquet"))]
    ladder = pd.concat(parts).query("status == 'done' and split == 'test'")
    return {
        **{f"{name}_mean.csv": means for name, means in closed_forms.items()},
        "weights_mean.csv": _means(weights, ["none", "inverse_variance", "gain"]),
        "ladder_rates.csv": ladder[RATES].reset_index(drop=True),
        "ladder_replicates.csv": _by_replicate(ladder),
    }


def _by_replicate(ladder: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each rung, in the ladder's order; rates are those that later seeds have."""
    rungs = ladder["rung"].unique()
    chosen = ladder[ladder["seed"] > 0][["rung", "optim.lr"]].drop_duplicates()
    at_chosen = ladder.merge(chosen)
    columns = []
    for value in ("r2", "escape_updates"):
        wide = at_chosen.pivot_table(index="rung", columns="seed", values=value).reindex(rungs)
        wide["mean"] = wide.mean(axis="columns", skipna=False)
        columns.append(wide.add_prefix(f"{value}_"))
    rates = at_chosen.drop_duplicates("rung").set_index("rung")["optim.lr"]
    return pd.concat([rates, *columns], axis="columns").reindex(rungs).reset_index()


def _means(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return mean, standard error and number of these columns, by model."""
    means = frame.groupby("model")[columns].agg(["mean", "sem", "count"])
    means.columns = ["_".join(name) for name in means.columns]
    return means.reset_index()


def main() -> None:
    """Write them all."""
    for name, table in derive_tables().items():
        table.to_csv(FINDINGS / name, index=False)
        print(FINDINGS / name)


if __name__ == "__main__":
    main()
